#pragma once

#include <string>

namespace cpu_monitor::tests {

// `secret`, as libcrypt and as htpasswd make it, and as a program that leaves unused bits in the
// last digit of the salt.
inline const std::string kSecret2b = "$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";
inline const std::string kSecret2y = "$2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";
inline const std::string kSecretOddSalt =
    "$2y$04$abcdefghijklmnopqrstuv2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW";
inline const std::string kEmpty2a = "$2a$04$abcdefghijklmnopqrstuubyCG3zY1GIXMyxfivm.ClDiInHzxjiq";
// The 72 bytes 0123456789 seven times and `xy`.
inline const std::string kLong2b = "$2b$04$abcdefghijklmnopqrstuupSOUeh.yJF3toVB4N1IkbDl3YbdyYWG";
// `fakepassword`, from exporter-toolkit.
inline const std::string kFake2y = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";

inline std::string long_password() {
  std::string password;
  for (int i = 0; i < 7; ++i) password += "0123456789";
  return password + "xy";
}

}  // namespace cpu_monitor::tests
