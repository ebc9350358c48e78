#include "storage/sinks/postgres/rows.hpp"

#include <cstring>

namespace weir::postgres {

namespace {

constexpr int64_t epoch_2000_us = 946'684'800'000'000; ///< PostgreSQL counts from there

template <class T>
void put(std::string& into, T value) {
  for (size_t i = sizeof(T); i-- > 0;)
    into += static_cast<char>(static_cast<uint64_t>(value) >> (8 * i));
}

void put_bytes(std::string& into, std::string_view bytes) {
  put(into, static_cast<uint32_t>(bytes.size()));
  into += bytes;
}

void put_row(std::string& into, const row& from) {
  const auto& frame = *from.frame;
  put(into, uint16_t{5});
  put(into, uint32_t{8});
  put(into, from.id);
  put(into, uint32_t{8});
  put(into, from.received_at_us - epoch_2000_us);
  put(into, uint32_t{16});
  put(into, frame.key.high);
  put(into, frame.key.low);
  put_bytes(into, frame.stream);
  put(into, static_cast<uint32_t>(from.body.size() + 1));
  into += '\1'; // the version of jsonb's own format: the text follows
  into += from.body;
}

int hex_digit(char c) noexcept {
  return c >= '0' && c <= '9'   ? c - '0'
         : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                : -1;
}

/// The code after `\u` at `at`, or -1.
int code_unit(std::string_view body, size_t at) noexcept {
  if (at + 6 > body.size() || body[at] != '\\' || body[at + 1] != 'u')
    return -1;
  int code = 0;
  for (size_t i = at + 2; i < at + 6; ++i) {
    const int digit = hex_digit(body[i]);
    if (digit < 0)
      return -1;
    code = code * 16 + digit;
  }
  return code;
}

} // namespace

const char* unfit_for_jsonb(std::string_view body) noexcept {
  for (auto at = body.find('\\'); at != std::string_view::npos;
       at = body.find('\\', at)) {
    const int code = code_unit(body, at);
    if (code < 0) {
      at += 2; // another escape, its character included
      continue;
    }
    at += 6;
    if (code == 0)
      return "\\u0000 cannot be in jsonb";
    if (code >= 0xdc00 && code <= 0xdfff)
      return "an unpaired surrogate cannot be in jsonb";
    if (code < 0xd800 || code > 0xdbff)
      continue;
    const int low = code_unit(body, at);
    if (low < 0xdc00 || low > 0xdfff)
      return "an unpaired surrogate cannot be in jsonb";
    at += 6;
  }
  return nullptr;
}

void encode_copy(std::string& into, std::span<const row> rows) {
  into.append("PGCOPY\n\377\r\n\0", 11);
  into.append(8, '\0'); // flags, no extension
  for (const auto& one : rows)
    put_row(into, one);
  put(into, uint16_t{0xffff});
}

std::string uuid_of(const batch_key& key) {
  return to_hex(key);
}

batch_key key_of_uuid(std::string_view text) noexcept {
  batch_key key;
  int digits = 0;
  for (const char c : text) {
    const int digit = hex_digit(c);
    if (digit < 0)
      continue;
    auto& half = digits++ < 16 ? key.high : key.low;
    half = half << 4 | static_cast<uint64_t>(digit);
  }
  return key;
}

} // namespace weir::postgres
