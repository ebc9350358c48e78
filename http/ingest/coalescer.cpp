#include "http/ingest/coalescer.hpp"

#include <algorithm>

namespace weir {

namespace {

void append(std::string& to, const whole_request& one) {
  const size_t needed = to.size() + one.bytes.size() + text_padding;
  if (to.capacity() < needed && to.empty() && one.text) {
    to = std::move(*one.text);
    return;
  }
  if (to.capacity() < needed)
    to.reserve(std::max(needed, 2 * to.capacity()));
  to += one.bytes;
}

} // namespace

void coalescer::add(whole_request one) {
  if (in_flight_ < limits_.window && waiting_batches_.empty()) {
    auto alone = begin(one, 1);
    join(alone, std::move(one));
    return send(std::move(alone));
  }
  ++waiting_;
  // Only the youngest batch of a stream and priority is open: requests keep their order.
  const auto same = [&](const submission& s) {
    return s.arrived->stream == one.stream && s.arrived->level == one.level;
  };
  auto youngest = std::find_if(waiting_batches_.rbegin(), waiting_batches_.rend(), same);
  if (youngest == waiting_batches_.rend() || !joins(*youngest, one)) {
    waiting_batches_.push_back(begin(one, last_requests_));
    youngest = waiting_batches_.rbegin();
    youngest->arrived->bytes.reserve(last_bytes_ + text_padding);
  }
  join(*youngest, std::move(one));
}

void coalescer::settled() {
  if (in_flight_ > 0)
    --in_flight_;
  while (in_flight_ < limits_.window && !waiting_batches_.empty()) {
    auto next = std::move(waiting_batches_.front());
    waiting_batches_.pop_front();
    last_requests_ = next.owners.size();
    last_bytes_ = next.arrived->bytes.size();
    waiting_ -= last_requests_;
    send(std::move(next));
  }
}

bool coalescer::joins(const submission& open, const whole_request& one) const noexcept {
  return open.arrived->rules == one.rules
         && open.weight + one.weight <= limits_.batch_bytes
         && open.records.size() + one.records.size() <= limits_.batch_records;
}

submission coalescer::begin(const whole_request& one, size_t parts) const {
  submission open;
  open.by = limits_.as;
  open.begun = one.at;
  open.arrived = std::make_shared<envelope>();
  open.arrived->stream = one.stream;
  open.arrived->level = one.level;
  open.arrived->rules = one.rules;
  open.arrived->parts.reserve(parts);
  open.owners.reserve(parts);
  return open;
}

void coalescer::join(submission& open, whole_request one) {
  const auto offset = static_cast<uint32_t>(open.arrived->bytes.size());
  const auto part = static_cast<uint32_t>(open.arrived->parts.size());
  append(open.arrived->bytes, one);
  // Offsets count from the request's own text until it joins the batch's.
  for (auto ref : one.records) {
    ref.offset += offset;
    ref.part = part;
    open.records.push_back(ref);
  }
  open.arrived->parts.push_back(std::move(one.part));
  one.owner.begin = offset;
  open.owners.push_back(std::move(one.owner));
  open.weight += one.weight;
  open.charged.bytes += one.charged.bytes;
  open.charged.batches += one.charged.batches;
}

void coalescer::send(submission s) {
  ++in_flight_;
  if (!send_(std::move(s)))
    --in_flight_;
}

coalescers::coalescers(const ingest_config& config, const coalescer::sender& send)
  : small_(
    {gathered::small, config.batch_bytes, config.batch_records, config.coalesce_window},
    send),
    large_({gathered::large, config.batch_bytes, config.batch_records,
            config.coalesce_large_window},
           send) {}

} // namespace weir
