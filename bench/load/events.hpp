// The records every benchmark sends: one web access each, about 260 bytes as JSON, with the
// number of the record as its id.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::bench {

enum class shape : uint8_t { json, csv, log };

inline constexpr std::string_view csv_head =
  "id,ts,host,method,path,status,bytes,agent,duration_ms\n";

/// Appends record `id` and a line end.
inline void append_event(shape as, uint64_t id, std::string& out) {
  const auto number = std::to_string(id);
  const auto host =
    "10.0." + std::to_string(id % 256) + "." + std::to_string(id / 256 % 256);
  const auto path =
    "/articles/2026/" + std::to_string(100'000 + id % 900'000) + "/index.html";
  const auto size = std::to_string(5120 + id % 9000);
  static constexpr std::string_view agent =
    "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox";
  switch (as) {
  case shape::json:
    out.append(R"({"id":)").append(number);
    out.append(R"(,"ts":"2026-01-01T12:30:45.123456Z","host":")").append(host);
    out.append(R"(","method":"GET","path":")").append(path);
    out.append(R"(","status":200,"bytes":)").append(size);
    out.append(R"(,"agent":")").append(agent);
    out.append(R"(","duration_ms":12.5})");
    break;
  case shape::csv:
    out.append(number).append(",2026-01-01T12:30:45.123456Z,").append(host);
    out.append(",GET,").append(path).append(",200,").append(size).append(",\"");
    out.append(agent).append("\",12.5");
    break;
  case shape::log:
    out.append(host).append(" - user").append(number);
    out.append(" [01/Jan/2026:12:30:45 +0000] \"GET ").append(path);
    out.append(" HTTP/1.1\" 200 ").append(size);
    out.append(" \"https://example.org/\" \"").append(agent).append("\"");
    break;
  }
  out += '\n';
}

} // namespace weir::bench
