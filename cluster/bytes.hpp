// BYTES: whole numbers and texts to and from a buffer, little-endian, as every link frame
// is written. A reader never reads past its end: the first thing that does not fit makes
// it bad, and afterwards everything it returns is zero or empty.
#pragma once

#include "proto/part_counts.hpp"

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace weir {

static_assert(std::endian::native == std::endian::little,
              "link frames are little endian and copied as they lie");

class byte_writer {
 public:
  explicit byte_writer(std::string& out) : out_(out) {}

  template <class Number>
  void number(Number value) {
    static_assert(std::is_integral_v<Number> || std::is_enum_v<Number>);
    out_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void flag(bool value) { out_.push_back(value ? '\1' : '\0'); }
  /// Writes a length of four bytes, then the text.
  void text(std::string_view value) {
    number(static_cast<uint32_t>(value.size()));
    out_.append(value);
  }
  void raw(const void* from, size_t bytes) {
    out_.append(static_cast<const char*>(from), bytes);
  }

 private:
  std::string& out_;
};

class byte_reader {
 public:
  explicit byte_reader(std::string_view bytes) : left_(bytes) {}

  template <class Number>
  Number number() {
    static_assert(std::is_integral_v<Number> && !std::is_same_v<Number, bool>);
    Number value{};
    raw(&value, sizeof value);
    return value;
  }
  /// Reads a code below `end`.
  template <class Enum>
  Enum code(uint8_t end) {
    const auto value = number<uint8_t>();
    if (value >= end)
      spoil();
    return static_cast<Enum>(good_ ? value : 0);
  }
  bool flag() { return code<uint8_t>(2) != 0; }
  /// Valid as long as the buffer. A text longer than `bytes_max` makes the reader bad.
  std::string_view text(size_t bytes_max) {
    const auto size = number<uint32_t>();
    if (size > bytes_max)
      spoil();
    return take(good_ ? size : 0);
  }
  /// A number of items of at least `item_bytes` each: never more than the bytes left can
  /// hold, so it is safe to reserve for.
  uint32_t count(uint32_t items_max, size_t item_bytes) {
    const auto items = number<uint32_t>();
    if (items > items_max || items > left_.size() / item_bytes)
      spoil();
    return good_ ? items : 0;
  }
  void raw(void* to, size_t bytes) {
    const auto from = take(bytes);
    if (!from.empty()) // memcpy needs a valid address even for no bytes
      std::memcpy(to, from.data(), bytes);
  }
  std::string_view take(size_t bytes) {
    if (bytes > left_.size())
      spoil();
    if (!good_)
      return {};
    const auto taken = left_.substr(0, bytes);
    left_.remove_prefix(bytes);
    return taken;
  }

  void spoil() noexcept { good_ = false; }
  bool good() const noexcept { return good_; }
  /// True if nothing was missing and nothing is left over.
  bool complete() const noexcept { return good_ && left_.empty(); }
  std::string_view rest() const noexcept { return good_ ? left_ : std::string_view{}; }

 private:
  std::string_view left_;
  bool good_ = true;
};

/// The counts of a part or of a body, in the width that they have in memory.
template <class Number>
void write_counts(byte_writer& to, const verdict_counts<Number>& counts) {
  to.number(counts.accepted);
  to.number(counts.rejected);
  to.number(counts.quarantined);
  to.number(counts.dropped);
}

template <class Number>
void read_counts(byte_reader& from, verdict_counts<Number>& counts) {
  for (auto* number :
       {&counts.accepted, &counts.rejected, &counts.quarantined, &counts.dropped})
    *number = from.number<Number>();
}

} // namespace weir
