#include "http/coalescer.hpp"

#include <algorithm>
#include <iterator>

namespace weir {

void coalescer::add(submission one) {
  one.coalesced = true;
  if (in_flight_ < limits_.window && waiting_batches_.empty())
    return send(std::move(one));
  ++waiting_;
  // Only the youngest batch of a stream and priority is open: requests keep their order.
  const auto same = [&](const submission& s) {
    return s.arrived->stream == one.arrived->stream
           && s.arrived->level == one.arrived->level;
  };
  const auto youngest =
    std::find_if(waiting_batches_.rbegin(), waiting_batches_.rend(), same);
  if (youngest != waiting_batches_.rend() && joins(*youngest, one))
    join(*youngest, std::move(one));
  else
    waiting_batches_.push_back(std::move(one));
}

void coalescer::settled() {
  if (in_flight_ > 0)
    --in_flight_;
  while (in_flight_ < limits_.window && !waiting_batches_.empty()) {
    auto next = std::move(waiting_batches_.front());
    waiting_batches_.pop_front();
    waiting_ -= next.owners.size();
    send(std::move(next));
  }
}

bool coalescer::joins(const submission& open, const submission& one) const noexcept {
  return open.arrived->bytes.size() + one.arrived->bytes.size() <= limits_.batch_bytes
         && open.records.size() + one.records.size() <= limits_.batch_records;
}

void coalescer::join(submission& open, submission one) {
  const auto offset = static_cast<uint32_t>(open.arrived->bytes.size());
  const auto part = static_cast<uint32_t>(open.arrived->parts.size());
  auto& bytes = open.arrived->bytes;
  const size_t needed = offset + one.arrived->bytes.size() + text_padding;
  if (bytes.capacity() < needed)
    bytes.reserve(std::max(needed, 2 * bytes.capacity()));
  bytes += one.arrived->bytes;
  for (auto ref : one.records) {
    ref.offset += offset;
    ref.part = part;
    open.records.push_back(ref);
  }
  open.arrived->parts.push_back(std::move(one.arrived->parts.front()));
  open.owners.push_back(std::move(one.owners.front()));
  open.charged.bytes += one.charged.bytes;
  open.charged.batches += one.charged.batches;
}

void coalescer::send(submission s) {
  ++in_flight_;
  if (!send_(std::move(s)))
    --in_flight_;
}

} // namespace weir
