#include "actors/pipeline.hpp"

#include <caf/actor_cast.hpp>
#include <caf/send.hpp>

#include <utility>

namespace weir {

bool pipeline::submit(batch_ptr batch) noexcept {
  const auto first = roles_.find(first_role_);
  if (!first)
    return false;
  caf::anon_send(caf::actor_cast<caf::actor>(first), std::move(batch));
  return true;
}

void pipeline::attach(std::weak_ptr<receipt_port> owner) {
  const std::lock_guard guard{lock_};
  std::erase_if(owners_, [](const auto& known) { return known.expired(); });
  owners_.push_back(std::move(owner));
}

std::vector<std::shared_ptr<receipt_port>> pipeline::owners() {
  std::vector<std::shared_ptr<receipt_port>> alive;
  const std::lock_guard guard{lock_};
  alive.reserve(owners_.size());
  for (const auto& owner : owners_)
    if (auto held = owner.lock())
      alive.push_back(std::move(held));
  return alive;
}

void pipeline::stored(uint64_t sequence) noexcept {
  for (const auto& owner : owners())
    owner->stored(sequence);
}

void pipeline::resubmit() noexcept {
  for (const auto& owner : owners())
    owner->resubmit();
}

} // namespace weir
