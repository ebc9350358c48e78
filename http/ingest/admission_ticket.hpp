// ADMISSION TICKET: a request's turn at the gate. It asks for a claim; if that has to wait, it
// holds the place in line, the timer that ends the wait, and whatever the grant needs to find:
// its owner (who has the ticket as a member) and the running I/O thread.
//
//   asks ──▶ granted, refused
//    └─────▶ waits ──▶ on_granted(claim)    the claim is the owner's
//              ├─────▶ on_wait_over()       time is up, the place is given up
//              └─────▶ withdraw()           nobody is called; a grant that was on its way by
//                                           then is given back when it comes
//
//   Threads:  the gate grants from any thread; all else happens on the context's.
//   Lives:    a waiting ticket keeps its owner, and so itself, alive.
#pragma once

#include "http/ingest/admission.hpp"

#include <chrono>
#include <memory>
#include <optional>

#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

namespace weir {

class admission_ticket {
 public:
  admission_ticket(admission& gate, boost::asio::io_context& context) noexcept
    : gate_(gate), context_(context) {}
  ~admission_ticket();
  admission_ticket(const admission_ticket&) = delete;
  admission_ticket& operator=(const admission_ticket&) = delete;

  /// Not while it waits. `Owner` is held by a shared_ptr, and what its on_granted() and
  /// on_wait_over() throw is its own affair. A wait lasts `patience` at most.
  template <class Owner>
  admission::verdict ask(Owner& owner, const claim& wanted, priority level,
                         admission_policy policy, std::chrono::milliseconds patience);

  bool waits() const noexcept { return number_ != 0; }
  /// True: it was waiting and does not any more. False: it was not, or the claim has just been
  /// granted and on_granted() will be called.
  bool give_up() noexcept;
  void withdraw() noexcept;

 private:
  using timer =
    boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                      boost::asio::wait_traits<std::chrono::steady_clock>,
                                      boost::asio::io_context::executor_type>;
  using work_guard =
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type>;

  template <class Owner>
  void wait(Owner& owner, uint64_t number, std::chrono::milliseconds patience);
  template <class Owner>
  void arrive(Owner& owner);
  void end_wait() noexcept;

  admission& gate_;
  boost::asio::io_context& context_;
  claim wanted_;
  uint64_t number_ = 0; ///< the gate's ticket; 0: it does not wait
  /// The owner, until the grant has come. Set without a number: withdrawn, and the grant is on
  /// its way.
  std::shared_ptr<void> keeper_;
  std::optional<work_guard> work_; ///< the thread must not end before the grant has come
  std::optional<timer> timer_;
};

template <class Owner>
admission::verdict admission_ticket::ask(Owner& owner, const claim& wanted,
                                         priority level, admission_policy policy,
                                         std::chrono::milliseconds patience) {
  wanted_ = wanted;
  // Two pointers: what the gate and the context hold of us needs no memory of its own.
  const auto [what, number] = gate_.enter(wanted, level, policy, [this, &owner] {
    boost::asio::post(context_, [this, &owner] { arrive(owner); });
  });
  if (what == admission::verdict::waiting)
    wait(owner, number, patience);
  return what;
}

template <class Owner>
void admission_ticket::wait(Owner& owner, uint64_t number,
                            std::chrono::milliseconds patience) {
  auto self = owner.shared_from_this();
  number_ = number;
  keeper_ = self;
  work_.emplace(context_.get_executor());
  timer_.emplace(context_.get_executor(), patience);
  timer_->async_wait([this, self = std::move(self), number](auto failure) {
    // The timer may have run out just before the grant came, and be told of only now.
    if (!failure && number_ == number && give_up())
      self->on_wait_over();
  });
}

template <class Owner>
void admission_ticket::arrive(Owner& owner) {
  const auto keeper = keeper_;
  const bool withdrawn = number_ == 0;
  number_ = 0;
  end_wait();
  if (withdrawn)
    return gate_.return_unused(wanted_);
  owner.on_granted(wanted_);
}

} // namespace weir
