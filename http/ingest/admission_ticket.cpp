#include "http/ingest/admission_ticket.hpp"

#include <cassert>
#include <utility>

namespace weir {

admission_ticket::~admission_ticket() {
  withdraw();
  assert(!keeper_); // a grant that is on its way would find nobody
}

bool admission_ticket::give_up() noexcept {
  if (number_ == 0 || !gate_.cancel(number_))
    return false;
  number_ = 0;
  end_wait();
  return true;
}

void admission_ticket::withdraw() noexcept {
  if (number_ == 0)
    return;
  const bool gone = gate_.cancel(std::exchange(number_, 0));
  timer_.reset();
  if (gone)
    end_wait();
}

void admission_ticket::end_wait() noexcept {
  timer_.reset();
  work_.reset();
  // The last, and nothing after it: the owner may go with it, and this ticket with the owner.
  const auto keeper = std::move(keeper_);
}

} // namespace weir
