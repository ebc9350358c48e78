#include "http/wire/known_head.hpp"

#include <cstring>

namespace weir {

namespace {

constexpr size_t digits_max = 7;

/// Compares `size` bytes. The time does not depend on where they differ: there may be an API
/// key in them.
bool same_bytes(const char* a, const char* b, size_t size) noexcept {
  uint64_t differences = 0;
  for (; size >= 8; size -= 8, a += 8, b += 8) {
    uint64_t one = 0;
    uint64_t other = 0;
    std::memcpy(&one, a, 8);
    std::memcpy(&other, b, 8);
    differences |= one ^ other;
  }
  for (; size > 0; --size)
    differences |= static_cast<unsigned char>(*a++ ^ *b++);
  return differences == 0;
}

} // namespace

void known_head::remember(std::string_view text, const request_head& head) {
  forget();
  const auto length = head.find("content-length");
  if (text.size() > bytes_max || !length)
    return;
  text_.assign(text);
  digits_at_ = static_cast<size_t>(length->data() - text.data());
  digits_ = length->size();
}

std::optional<known_head::again>
known_head::match(std::string_view bytes) const noexcept {
  if (text_.empty() || bytes.size() <= digits_at_
      || !same_bytes(bytes.data(), text_.data(), digits_at_))
    return std::nullopt;
  again found;
  size_t at = digits_at_;
  // The length may have another number of digits; what follows must be the same again.
  for (; at < bytes.size() && bytes[at] >= '0' && bytes[at] <= '9'; ++at) {
    if (at - digits_at_ == digits_max)
      return std::nullopt;
    found.content_length =
      found.content_length * 10 + static_cast<uint64_t>(bytes[at] - '0');
  }
  const auto rest = std::string_view{text_}.substr(digits_at_ + digits_);
  found.bytes = at + rest.size();
  if (at == digits_at_ || bytes.size() < found.bytes
      || !same_bytes(bytes.data() + at, rest.data(), rest.size()))
    return std::nullopt;
  return found;
}

} // namespace weir
