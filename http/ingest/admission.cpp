#include "http/ingest/admission.hpp"

#include <algorithm>
#include <cmath>

namespace weir {

namespace {

constexpr double mean_over_seconds = 5;
constexpr double sample_seconds = 0.1;
constexpr double mean_over_batches = 8;
constexpr double delay_min_seconds = 1e-6;

double seconds_between(drain_rate::time_point from, drain_rate::time_point to) noexcept {
  return std::max(0.0, std::chrono::duration<double>(to - from).count());
}

} // namespace

void drain_rate::add(size_t bytes, time_point now) noexcept {
  if (!started_) {
    started_ = true;
    since_ = now;
  }
  pending_ += bytes;
  const double passed = seconds_between(since_, now);
  // A shorter sample would measure how claims bunch, not how fast they come back.
  if (passed < sample_seconds)
    return;
  const double sample = static_cast<double>(pending_) / passed;
  const double weight = 1 - std::exp(-passed / mean_over_seconds);
  rate_ = rate_ < 0 ? sample : rate_ + weight * (sample - rate_);
  pending_ = 0;
  since_ = now;
}

double drain_rate::bytes_per_second(time_point now) const noexcept {
  if (rate_ < 0)
    return rate_;
  return rate_ * std::exp(-seconds_between(since_, now) / mean_over_seconds);
}

bool admission::fits(const claim& wanted) const noexcept {
  return wanted.bytes <= limits_.bytes_max - std::min(used_.bytes, limits_.bytes_max)
         && wanted.batches <= batches_now_ - std::min(used_.batches, batches_now_);
}

/// True if no other claim must go before one that fits. An overtaken claim counts its bytes.
bool admission::may_pass(const claim& wanted, priority level) noexcept {
  const auto own = static_cast<size_t>(level);
  for (size_t i = own + 1; i < queues_.size(); ++i)
    if (!queues_[i].empty())
      return false;
  auto& of = queues_[own];
  if (of.empty())
    return true;
  return wanted.batches == 0 && of.small.empty() && overtake(of, wanted);
}

/// Only the first large claim keeps others waiting, so it alone counts what overtakes it.
bool admission::overtake(lines& of, const claim& wanted) noexcept {
  auto& first = of.large.begin()->second;
  if (first.overtaken + wanted.bytes > first.wanted.bytes)
    return false;
  first.overtaken += wanted.bytes;
  return true;
}

bool admission::shed(priority level) const noexcept {
  const double fill =
    std::max(static_cast<double>(used_.bytes) / static_cast<double>(limits_.bytes_max),
             static_cast<double>(used_.batches) / static_cast<double>(batches_now_));
  switch (level) {
  case priority::low:
    return fill > limits_.shed_low;
  case priority::normal:
    return fill > limits_.shed_normal;
  case priority::high:
    return false;
  }
  return false;
}

void admission::take(const claim& wanted) noexcept {
  used_.bytes += wanted.bytes;
  used_.batches += wanted.batches;
}

admission::decision admission::enter(const claim& wanted, priority level,
                                     admission_policy policy, grant on_grant) {
  const std::lock_guard guard{lock_};
  if (policy == admission_policy::shed && shed(level))
    return {verdict::refused, 0};
  if (fits(wanted) && may_pass(wanted, level)) {
    take(wanted);
    return {verdict::granted, 0};
  }
  // A claim over the whole budget would wait for ever.
  const bool possible =
    wanted.bytes <= limits_.bytes_max && wanted.batches <= limits_.batches_max;
  if (policy != admission_policy::wait || !possible || waiting_ >= limits_.waiters_max)
    return {verdict::refused, 0};
  auto& lines_of = queues_[static_cast<size_t>(level)];
  auto& line_of = wanted.batches == 0 ? lines_of.small : lines_of.large;
  line_of.emplace(++last_ticket_, waiter{wanted, std::move(on_grant)});
  waiting_bytes_ += wanted.bytes;
  ++waiting_;
  return {verdict::waiting, last_ticket_};
}

bool admission::cancel(uint64_t ticket) {
  std::vector<grant> granted;
  {
    const std::lock_guard guard{lock_};
    line* from = nullptr;
    for (auto& of : queues_)
      for (auto* one : {&of.large, &of.small})
        if (one->count(ticket) > 0)
          from = one;
    if (from == nullptr)
      return false;
    const auto found = from->find(ticket);
    waiting_bytes_ -= found->second.wanted.bytes;
    --waiting_;
    from->erase(found);
    granted = grant_waiting(); // others may have waited for this large one
  }
  for (auto& call : granted)
    call();
  return true;
}

template <class F>
void admission::give_back(const claim& done, F&& measure) {
  std::vector<grant> granted;
  {
    const std::lock_guard guard{lock_};
    measure();
    used_.bytes -= std::min(done.bytes, used_.bytes);
    used_.batches -= std::min(done.batches, used_.batches);
    if (waiting_ > 0)
      granted = grant_waiting();
  }
  for (auto& call : granted)
    call();
}

void admission::release(const claim& done, time_point now) {
  give_back(done, [&] { drained_.add(done.bytes, now); });
}

void admission::return_unused(const claim& surplus) {
  give_back(surplus, [] {});
}

void admission::complete(const claim& done, uint32_t beside,
                         std::chrono::duration<double> delay, time_point now) {
  give_back(done, [&] {
    if (done.batches > 0 && limits_.delay_max.count() > 0)
      follow(std::max(beside, 1u) / std::max(delay.count(), delay_min_seconds));
    drained_.add(done.bytes, now);
  });
}

void admission::follow(double batches_per_second) noexcept {
  throughput_ +=
    (batches_per_second - throughput_) / (throughput_ > 0 ? mean_over_batches : 1);
  const double within =
    throughput_ * std::chrono::duration<double>{limits_.delay_max}.count();
  const auto most = limits_.batches_max;
  batches_now_ = within >= most ? most
                                : std::max(static_cast<uint32_t>(within),
                                           std::min(limits_.batches_min, most));
}

void admission::let_in(line& from, std::vector<grant>& granted) {
  auto& first = from.begin()->second;
  take(first.wanted);
  waiting_bytes_ -= first.wanted.bytes;
  --waiting_;
  granted.push_back(std::move(first.on_grant));
  from.erase(from.begin());
}

/// Serves each line in order; of a priority's two lines, the one with the older head first. A
/// priority that has to wait keeps all lower ones waiting.
std::vector<admission::grant> admission::grant_waiting() {
  std::vector<grant> granted;
  for (size_t i = queues_.size(); i-- > 0;) {
    auto& [large, small] = queues_[i];
    while (!large.empty() || !small.empty()) {
      const bool small_first =
        large.empty() || (!small.empty() && small.begin()->first < large.begin()->first);
      auto& elder = small_first ? small : large;
      if (fits(elder.begin()->second.wanted)) {
        let_in(elder, granted);
        continue;
      }
      // The older head does not fit. A small claim may still overtake it, if it is a large one.
      if (small_first || small.empty() || !fits(small.begin()->second.wanted)
          || !overtake(queues_[i], small.begin()->second.wanted))
        return granted;
      let_in(small, granted);
    }
  }
  return granted;
}

void admission::set_shed_levels(double low, double normal) {
  const std::lock_guard guard{lock_};
  limits_.shed_low = low;
  limits_.shed_normal = normal;
}

int admission::retry_after(time_point now) const {
  const std::lock_guard guard{lock_};
  const double rate = drained_.bytes_per_second(now);
  if (rate < 0)
    return 1; // nothing has come back yet: the node has only just started
  const double ahead = static_cast<double>(used_.bytes + waiting_bytes_);
  if (ahead >= rate * 60)
    return ahead > 0 ? 60 : 1;
  return std::clamp(static_cast<int>(std::ceil(ahead / rate)), 1, 60);
}

claim admission::used() const {
  const std::lock_guard guard{lock_};
  return used_;
}

uint32_t admission::allowed() const {
  const std::lock_guard guard{lock_};
  return batches_now_;
}

uint32_t admission::credit() const {
  const std::lock_guard guard{lock_};
  return batches_now_ - std::min(used_.batches, batches_now_);
}

size_t admission::waiting() const {
  const std::lock_guard guard{lock_};
  return waiting_;
}

bool admission::saturated() const {
  const std::lock_guard guard{lock_};
  return waiting_ > 0 || used_.bytes >= limits_.bytes_max
         || used_.batches >= batches_now_;
}

} // namespace weir
