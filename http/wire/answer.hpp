// ANSWER: a request's outcome as JSON, and the bytes of the whole HTTP response around it.
#pragma once

#include "proto/batch.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// One record's verdict as the client sees it: record and line are counted from 1 and
/// over the whole request, however many batches it became.
struct record_error {
  uint64_t record = 0;
  uint64_t line = 0;
  reject code = reject::malformed_json;
  std::string pointer;
  std::string detail;
};

/// The sum over a request's parts. Bounded: it keeps the errors of the first `errors_max`
/// records that have one, whatever order the parts come in.
class verdicts : public total_counts {
 public:
  static constexpr size_t errors_max = 100;

  uint32_t parts = 0;
  uint32_t duplicate_parts = 0;

  /// `rejections` is the whole batch's list; those of other parts are skipped. So are all those
  /// of a part that was stored before and is judged differently now: the errors then count as
  /// truncated.
  void add(const batch_part& part, const part_receipt& receipt,
           std::span<const rejection> rejections);

  /// Adds what an earlier request stored; only the number of its rejections is known.
  void add(const stored_prefix& known);

  const std::vector<record_error>& errors() const noexcept { return errors_; }
  bool errors_truncated() const noexcept { return truncated_; }
  /// Bytes that the list of errors takes, about.
  size_t bytes() const noexcept;
  /// Leaves the list out of the answer, which then says that it is truncated.
  void forget_errors() noexcept;
  /// Every part was stored by an earlier request.
  bool duplicate() const noexcept { return parts > 0 && duplicate_parts == parts; }
  bool all_rejected() const noexcept {
    return accepted == 0 && dropped == 0 && refused() > 0;
  }

 private:
  void keep(const batch_part& part, const rejection& r);

  std::vector<record_error> errors_; ///< ordered by record
  bool truncated_ = false;
};

void append_number(std::string& out, uint64_t number);
/// Quoted and escaped; bytes that are no UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);
/// At most 64 bytes of something the client sent, for an error's text.
std::string_view excerpt(std::string_view text) noexcept;

/// `"accepted":…,"rejected":…` and what else is not zero, without braces.
void append_verdict_members(std::string& out, const verdicts& v);
/// The body of a 200.
void append_answer(std::string& out, const batch_key& batch, const verdicts& v);
/// The body of a 202.
void append_admitted(std::string& out, const batch_key& batch);

/// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 §5.6.7), the same in every locale.
std::string http_date(int64_t unix_seconds);
std::string_view reason_phrase(int status) noexcept;

inline constexpr std::string_view json_type = "application/json";
inline constexpr std::string_view problem_type = "application/problem+json";

enum class connection_note : uint8_t { none, close, keep_alive };

/// From the status line to "Content-Length: ": the same for many answers of one second.
std::string response_start(int status, std::string_view date, std::string_view type);

struct response {
  std::string_view start; ///< response_start()
  std::string_view body;
  std::string_view fields; ///< further header lines, each with CRLF
  connection_note connection = connection_note::none;
  bool head_only = false; ///< answers HEAD: the body's length without the body
};

void append_response(std::string& out, const response& r);

} // namespace weir
