#include "proto/batch.hpp"

#include "base/hex.hpp"
#include "base/text.hpp"

#include <openssl/sha.h>

#include <sys/random.h>

#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace weir {

body_format framed_as(body_format whole) noexcept {
  switch (whole) {
#define WEIR_BODY_FORMAT(name, number, records)                                          \
  case body_format::name:                                                                \
    return body_format::records;
#include "proto/body_formats.def"
#undef WEIR_BODY_FORMAT
  }
  return whole;
}

bool is_of_records(body_format format) noexcept {
  switch (format) {
#define WEIR_BODY_FORMAT(name, number, records)                                          \
  case body_format::name:                                                                \
    return body_format::name == body_format::records;
#include "proto/body_formats.def"
#undef WEIR_BODY_FORMAT
  }
  return false;
}

std::string_view to_string(priority level) noexcept {
  switch (level) {
  case priority::low:
    return "low";
  case priority::normal:
    return "normal";
  case priority::high:
    return "high";
  }
  return "unknown";
}

std::string_view to_string(ack_level level) noexcept {
  switch (level) {
  case ack_level::accepted:
    return "accepted";
  case ack_level::durable:
    return "durable";
  case ack_level::stored:
    return "stored";
  }
  return "unknown";
}

namespace {

constexpr std::array<std::pair<std::string_view, char>, 7> delimiter_names{
  {{"comma", ','},
   {"semicolon", ';'},
   {"tab", '\t'},
   {"pipe", '|'},
   {"colon", ':'},
   {"space", ' '},
   {"\\t", '\t'}}};

} // namespace

bool is_csv_delimiter(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  const char lower = static_cast<char>(c | 0x20);
  const bool in_words = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9')
                        || c == '_' || c == '-' || c == '.';
  return byte > 0 && byte < 0x7f && !in_words && c != '"' && c != '\r' && c != '\n';
}

std::optional<char> csv_delimiter_of(std::string_view text) noexcept {
  for (const auto& [name, delimiter] : delimiter_names)
    if (name == text)
      return delimiter;
  char c = text.size() == 1 ? text.front() : '\0';
  if (text.size() == 3 && text.front() == '%' && hex_value(text[1]) >= 0
      && hex_value(text[2]) >= 0)
    c = static_cast<char>(hex_value(text[1]) << 4 | hex_value(text[2]));
  return is_csv_delimiter(c) ? std::optional{c} : std::nullopt;
}

std::string csv_delimiter_name(char delimiter) {
  for (const auto& [name, known] : delimiter_names)
    if (known == delimiter)
      return std::string{name};
  if (delimiter > ' ' && delimiter < 0x7f)
    return {delimiter};
  const auto byte = static_cast<unsigned char>(delimiter);
  return {'%', hex_upper[byte >> 4], hex_upper[byte & 15]};
}

std::string to_hex(const batch_key& key) {
  const auto digits = hex_digits(key.high, key.low);
  return {digits.data(), digits.size()};
}

namespace {

uint64_t big_endian(const unsigned char* bytes) noexcept {
  uint64_t value = 0;
  for (int i = 0; i < 8; ++i)
    value = value << 8 | bytes[i];
  return value;
}

void append_sized(std::string& out, std::string_view text) {
  const auto size = static_cast<uint32_t>(text.size());
  out.append(reinterpret_cast<const char*>(&size), sizeof size);
  out.append(text);
}

batch_key key_of(std::string_view input) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(input.data()), input.size(), digest);
  return {big_endian(digest), big_endian(digest + 8)};
}

} // namespace

batch_key make_batch_key(std::string_view stream, std::string_view tenant,
                         std::string_view idempotency_key) {
  static_assert(std::endian::native == std::endian::little,
                "lengths are hashed as they lie");
  std::string input;
  append_sized(input, stream);
  append_sized(input, tenant);
  append_sized(input, idempotency_key);
  input.append(sizeof(uint32_t), '\0');
  return key_of(input);
}

batch_key continued_key(const batch_key& first, uint64_t record_base) {
  if (record_base == 0)
    return first;
  // Hashed as they lie in memory, little-endian like the lengths above: nodes agree on the key.
  const uint64_t words[] = {first.high, first.low, record_base};
  return key_of({reinterpret_cast<const char*>(words), sizeof words});
}

batch_key random_batch_key() {
  batch_key key;
  if (::getrandom(&key, sizeof key, 0) != static_cast<ssize_t>(sizeof key))
    throw std::system_error(errno, std::generic_category(), "getrandom");
  return key;
}

uint64_t body_fingerprint(std::string_view body) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest);
  return big_endian(digest);
}

uint64_t next_envelope_id() noexcept {
  static std::atomic<uint64_t> last{0};
  return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

size_t record_batch::footprint() const noexcept {
  size_t bytes = sizeof *this + records.capacity() * sizeof(record_ref);
  if (source)
    bytes += sizeof *source + source->bytes.capacity();
  if (text && source && text.get() != &source->bytes)
    bytes += text->capacity();
  for (const auto& r : rejections)
    bytes += sizeof r + r.pointer.size() + r.detail.size() + r.body.size();
  return bytes;
}

} // namespace weir
