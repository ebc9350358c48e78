// UNREAD BODY: what becomes of a body that is not read to its end, and with it of the connection.
// Its bytes stand between the answer and the next request, so they must be got rid of, or the
// connection ends.
//
//   A short rest of known length is read and dropped: the connection can be kept.
//   A long one, or one that may never come, ends the connection. Closing it with input unread
//   would reset it, and the client may lose the answer: so it lingers, reading on for a while.
//
// Pure: it is told what is read and what is in the buffer, and says what to do.
#pragma once

#include "base/codes.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace weir {

class unread_body {
 public:
  /// A longer rest is not worth reading.
  static constexpr uint64_t discard_bytes_max = uint64_t{256} << 10;
  /// A client that sends more than this after its answer, or for longer, is not heard any more.
  static constexpr size_t linger_bytes_max = size_t{16} << 20;
  static constexpr std::chrono::milliseconds linger_time{2'000};

  /// The request has no body, or its body is read from here on.
  void none() noexcept { state_ = state::none; }
  /// `left` bytes are unread. Empty: it is not known how many, or whether they will come.
  void due(std::optional<uint64_t> left) noexcept;

  /// An answer is being made, with this code. False: the connection can't be kept.
  [[nodiscard]] bool leave(ec why) noexcept;

  enum class step : uint8_t { next_request, discard, linger, close };
  /// What follows when the answer is sent. `input_waits`: bytes are here that nobody has used.
  step after_answer(bool keep_alive, bool peer_done, bool input_waits) noexcept;

  /// Bytes that were read off the connection to be thrown away.
  void dropped(size_t bytes) noexcept;
  /// How many bytes are still to be thrown away, if the connection is kept.
  uint64_t to_discard() const noexcept {
    return state_ == state::discarded && left_ ? *left_ : 0;
  }
  /// While lingering: the client has sent so much that it is not waited for.
  bool lingered_enough() const noexcept { return lingered_ > linger_bytes_max; }

 private:
  enum class state : uint8_t { none, due, discarded, lingers };

  state state_ = state::none;
  std::optional<uint64_t> left_; ///< due, discarded
  size_t lingered_ = 0;
};

} // namespace weir
