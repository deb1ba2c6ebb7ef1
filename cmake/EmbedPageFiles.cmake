# Writes the files of FOLDER named in NAMES (separated by commas) as C++ strings into OUTPUT:
#   cmake -DFOLDER=page -DNAMES=index.html,app.js -DOUTPUT=page_files.cpp -P EmbedPageFiles.cmake
set(html "text/html; charset=utf-8")
set(css "text/css; charset=utf-8")
set(js "text/javascript; charset=utf-8")
set(svg "image/svg+xml")

string(REPLACE "," ";" names "${NAMES}")
set(files "")
foreach(name IN LISTS names)
  file(READ ${FOLDER}/${name} text)
  string(REGEX REPLACE ".*\\." "" kind ${name})
  if(name STREQUAL "index.html")
    set(path "/")
  else()
    set(path "/page/${name}")
  endif()
  string(APPEND files "    {\"${path}\", \"${${kind}}\", R\"page(${text})page\"},\n")
endforeach()

file(WRITE ${OUTPUT} "#include \"exporter/page/files.hpp\"

namespace cpu_monitor::exporter {

std::span<const PageFile> page_files() {
  static constexpr PageFile files[] = {
${files}  };
  return files;
}

}  // namespace cpu_monitor::exporter
")
