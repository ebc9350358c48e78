#include "cluster/tunnel/frame_queue.hpp"

#include "cluster/bytes.hpp"

#include <algorithm>
#include <utility>

namespace weir {

std::string_view frame_queue::next(size_t bytes_max) {
  record_.clear();
  while (!rest_.empty() || begin_text() || begin_frame()) {
    // Full records of one frame are sent from where they lie, without a copy.
    if (record_.empty() && rest_.size() >= record_bytes_) {
      const auto bytes = std::max(std::min(rest_.size(), bytes_max), record_bytes_);
      const auto records = rest_.substr(0, bytes - bytes % record_bytes_);
      rest_.remove_prefix(records.size());
      return records;
    }
    // What is left shares a record with the frames after it.
    const auto bytes = std::min(rest_.size(), record_bytes_ - record_.size());
    record_.append(rest_.substr(0, bytes));
    rest_.remove_prefix(bytes);
    if (record_.size() == record_bytes_)
      break;
  }
  return record_;
}

bool frame_queue::begin_text() {
  rest_ = std::exchange(text_, {});
  return !rest_.empty();
}

/// False if no frame waits, or if its lengths have no room in this record.
bool frame_queue::begin_frame() {
  // Small frames overtake large ones that have not begun.
  auto& from = small_.empty() ? large_ : small_;
  if (from.empty()) {
    frame_ = {};
    return false;
  }
  if (record_.size() + frame_lengths_bytes >= record_bytes_)
    return false;
  if (&from == &small_)
    small_bytes_ -= from.front().size();
  frame_ = std::move(from.front());
  from.pop_front();
  rest_ = frame_.head;
  text_ = frame_.text ? std::string_view{*frame_.text} : std::string_view{};
  byte_writer to{record_};
  to.number(static_cast<uint32_t>(frame_.size()));
  to.number(static_cast<uint32_t>(text_.size()));
  return true;
}

} // namespace weir
