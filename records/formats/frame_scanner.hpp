// FRAME SCANNER: holds what the scanners of all formats share: positions, line and record
// numbers and the two size limits. A framer has one and calls it virtually once per piece of
// body, not per record.
//
// Every position is an offset in the caller's bytes and moves down at a rebase:
//
//   consumed_ <= gap_ <= start_ <= pos_ <= bytes.size()
//   |            |       |         how far the bytes were looked at
//   |            |       first byte of the record (or line) being looked at
//   |            end of the last record, or of the csv header
//   end of the last record
#pragma once

#include "base/result.hpp"
#include "proto/batch.hpp"
#include "records/formats/framing_limits.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace weir {

class frame_scanner {
 public:
  explicit frame_scanner(framing_limits limits);
  virtual ~frame_scanner() = default;

  /// Does what framer::scan says.
  virtual result<void> scan(std::string_view bytes, bool last, size_t records_max,
                            std::vector<record_ref>& out) = 0;
  virtual std::shared_ptr<const csv_header> header() const noexcept { return nullptr; }

  /// Passes over `bytes` bytes at the beginning of the body: the byte order mark.
  void skip(size_t bytes) noexcept { gap_ = start_ = pos_ = bytes; }
  void rebase() noexcept;

  size_t consumed() const noexcept { return consumed_; }
  bool finished() const noexcept { return finished_; }
  uint64_t record_base() const noexcept { return record_base_; }
  uint64_t line_base() const noexcept { return line_base_; }

 protected:
  /// Moves the positions of the derived class down by `cut` too.
  virtual void shift(size_t /*cut*/) noexcept {}

  /// Makes bytes [start_, start_ + size) a record; the next one begins at `end` or after it.
  /// `line_` must be the line of `end`.
  void emit(size_t size, size_t end, std::vector<record_ref>& out) {
    out.push_back({static_cast<uint32_t>(start_), static_cast<uint32_t>(size), 0,
                   static_cast<uint32_t>(records_ - record_base_),
                   static_cast<uint32_t>(start_line_ - line_base_)});
    ++records_;
    consumed_ = gap_ = start_ = end;
    consumed_line_ = gap_line_ = start_line_ = line_;
  }
  bool over_record_limit(size_t size) const noexcept {
    return size > limits_.record_bytes_max;
  }
  bool over_gap_limit(size_t end) const noexcept { return end - gap_ > gap_bytes_max_; }

  tl::unexpected<fault> record_too_large() const;
  tl::unexpected<fault> gap_too_large() const;
  /// `line` counts from 0; people count from 1.
  static tl::unexpected<fault> malformed(uint64_t line, std::string_view what);

  framing_limits limits_;
  size_t gap_bytes_max_;
  size_t consumed_ = 0;
  size_t gap_ = 0;
  size_t start_ = 0;
  size_t pos_ = 0;
  uint64_t line_ = 0;          ///< line ends from the body's start to pos_
  uint64_t start_line_ = 0;    ///< line of start_
  uint64_t consumed_line_ = 0; ///< line of consumed_
  uint64_t gap_line_ = 0;      ///< line of gap_
  uint64_t line_base_ = 0;
  uint64_t records_ = 0;
  uint64_t record_base_ = 0;
  bool finished_ = false;
};

/// Finds the next byte of one kind. It looks at every byte once however often it is asked,
/// so a long row of short quoted fields takes linear time.
class byte_finder {
 public:
  explicit byte_finder(char wanted) : wanted_(wanted) {}

  /// The first wanted byte at `from` or after it, else bytes.size(). `from` never goes back.
  size_t find(std::string_view bytes, size_t from) noexcept {
    if (found_ && at_ >= from)
      return at_;
    from = std::max(from, found_ ? from : at_);
    const void* hit =
      from < bytes.size() ? std::memchr(
        bytes.data() + from, static_cast<unsigned char>(wanted_), bytes.size() - from)
                          : nullptr;
    found_ = hit != nullptr;
    at_ = found_ ? static_cast<size_t>(static_cast<const char*>(hit) - bytes.data())
                 : bytes.size();
    return at_;
  }
  void shift(size_t cut) noexcept {
    found_ = found_ && at_ >= cut;
    at_ = at_ >= cut ? at_ - cut : 0;
  }

 private:
  char wanted_;
  bool found_ = false;
  size_t at_ = 0; ///< where it was found, or up to where all was looked at
};

} // namespace weir
