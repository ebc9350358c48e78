#include "app/logging/version.hpp"

#include <caf/config.hpp>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <simdjson.h>
#include <sqlite3.h>

#ifndef WEIR_VERSION
#define WEIR_VERSION "0.1.0"
#endif

namespace weir {

std::string version_text() {
  return WEIR_VERSION;
}

std::string version_report() {
  return fmt::format(
    "weir {}\ncompiler {}\nCAF {}.{}.{}\nsimdjson {}.{}.{}\nSQLite {}\n{}\n",
    version_text(), __VERSION__, CAF_MAJOR_VERSION, CAF_MINOR_VERSION, CAF_PATCH_VERSION,
    int{simdjson::SIMDJSON_VERSION_MAJOR}, int{simdjson::SIMDJSON_VERSION_MINOR},
    int{simdjson::SIMDJSON_VERSION_REVISION}, sqlite3_libversion(),
    OpenSSL_version(OPENSSL_VERSION));
}

} // namespace weir
