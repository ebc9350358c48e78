// SINK WAITERS: requests whose answer waits until the sink has their last record. A waiting
// request holds its place and leaves the list with it, so the list is never longer than the
// number of waiting requests. One per I/O thread, used only there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>

namespace weir {

class ingest_request;

class sink_waiters {
  /// The sequence, and a number that tells requests of one sequence apart.
  using order = std::pair<uint64_t, uint64_t>;
  using list = std::map<order, std::weak_ptr<ingest_request>>;

 public:
  /// A place in the list, or none. It may outlive the list.
  class place {
   public:
    place() = default;
    place(place&& other) noexcept
      : in_(std::move(other.in_)), at_(std::exchange(other.at_, {})) {}
    place& operator=(place&& other) noexcept {
      leave();
      in_ = std::move(other.in_);
      at_ = std::exchange(other.at_, {});
      return *this;
    }
    ~place() { leave(); }
    void leave() noexcept {
      if (at_.second == 0)
        return;
      if (const auto from = in_.lock())
        from->erase(at_);
      at_ = {};
    }

   private:
    friend class sink_waiters;
    place(std::weak_ptr<list> in, order at) noexcept : in_(std::move(in)), at_(at) {}

    std::weak_ptr<list> in_;
    order at_; ///< second 0: none
  };

  [[nodiscard]] place wait(uint64_t sequence, std::weak_ptr<ingest_request> who) {
    const order at{sequence, ++last_};
    waiting_->emplace(at, std::move(who));
    return {waiting_, at};
  }
  /// Takes one that waits for `sequence` or less off the list; null when there is none.
  std::shared_ptr<ingest_request> next(uint64_t sequence) {
    while (!waiting_->empty() && waiting_->begin()->first.first <= sequence) {
      auto who = waiting_->begin()->second.lock();
      waiting_->erase(waiting_->begin());
      if (who)
        return who;
    }
    return nullptr;
  }
  size_t size() const noexcept { return waiting_->size(); }

 private:
  std::shared_ptr<list> waiting_ = std::make_shared<list>();
  uint64_t last_ = 0;
};

} // namespace weir
