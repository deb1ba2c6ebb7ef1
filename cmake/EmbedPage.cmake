# Writes INPUT as a C++ string into OUTPUT:  cmake -DINPUT=index.html -DOUTPUT=page.cpp -P EmbedPage.cmake
file(READ ${INPUT} text)
file(WRITE ${OUTPUT} "#include <string_view>

#include \"exporter/page/page.hpp\"

namespace cpu_monitor::exporter {

std::string_view landing_page() {
  return R\"page(${text})page\";
}

}  // namespace cpu_monitor::exporter
")
