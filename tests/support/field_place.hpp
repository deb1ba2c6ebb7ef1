#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

/// Tables of what may stand at each place of a line, for the unit tests of the decoders.
namespace cpu_monitor {

using Texts = std::vector<std::string>;

inline Texts with(Texts texts, const Texts& more) {
  texts.insert(texts.end(), more.begin(), more.end());
  return texts;
}

/// A place of a message, the '@' of `fields`, and what may and may not stand there.
struct Place {
  const char* name;
  std::string fields;
  Texts good;
  Texts bad;
  const char* word;  ///< of the refusal: what is wrong
};

inline std::ostream& operator<<(std::ostream& out, const Place& place) {
  return out << place.fields;
}

inline std::string replaced(std::string text, char mark, const std::string& value) {
  for (std::size_t at = text.find(mark); at != std::string::npos;
       at = text.find(mark, at + value.size())) {
    text.replace(at, 1, value);
  }
  return text;
}

/// The text of `count` elements, the '#' in each for its number, from the last to the first.
inline std::string elements(std::size_t count, const std::string& element) {
  std::string list;
  while (count > 0) {
    --count;
    list += (list.empty() ? "" : ",") + replaced(element, '#', std::to_string(count));
  }
  return list;
}

inline std::string array(std::size_t count, const std::string& element) {
  return '[' + elements(count, element) + ']';
}

}  // namespace cpu_monitor
