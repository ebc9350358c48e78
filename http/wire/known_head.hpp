// KNOWN HEAD: a connection's last head that asked for ingest and was in order. Most clients
// send the same head with every request, except for its Content-Length. Bytes that begin with
// it need not be parsed again: the result would be the same.
#pragma once

#include "http/wire/request_head.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weir {

class known_head {
 public:
  /// A longer head is not kept: there may be thousands of connections.
  static constexpr size_t bytes_max = 1024;

  /// `text` is a whole head and `head` what parse_head() made of it.
  void remember(std::string_view text, const request_head& head);
  void forget() noexcept { text_.clear(); }

  struct again {
    size_t bytes = 0; ///< the head's length
    uint64_t content_length = 0;
  };
  /// Matches if `bytes` begins with the remembered head. All bytes must be the same, except the
  /// digits of its Content-Length, which may be another number of 1 to 7 digits.
  std::optional<again> match(std::string_view bytes) const noexcept;

 private:
  std::string text_; ///< empty: none
  size_t digits_at_ = 0;
  size_t digits_ = 0;
};

} // namespace weir
