#include "cluster/tunnel/unread_frames.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <mutex>

namespace weir {

namespace asio = boost::asio;

namespace {

/// A frame costs memory besides its bytes: a message and its place in a mailbox.
constexpr size_t bytes_per_frame = 512;

} // namespace

struct unread_frames::tally {
  std::mutex lock;
  asio::io_context* context;   ///< null: closed
  asio::steady_timer* waiting; ///< touched on the context's thread only
  size_t bytes_max;
  size_t bytes = 0;
  bool stopped = false;

  void give_back(const std::shared_ptr<tally>& self, size_t count) {
    const std::lock_guard guard{lock};
    bytes -= count;
    if (stopped && bytes <= bytes_max / 2 && context) {
      stopped = false;
      asio::post(*context, [self] { self->wake(); });
    }
  }
  void wake() {
    if (context)
      waiting->cancel();
  }
};

unread_frames::unread_frames(asio::io_context& context, size_t bytes_max)
  : waiting_(context, asio::steady_timer::time_point::max()),
    tally_(std::make_shared<tally>()) {
  tally_->context = &context;
  tally_->waiting = &waiting_;
  tally_->bytes_max = bytes_max;
}

unread_frames::~unread_frames() {
  close();
}

void unread_frames::close() noexcept {
  {
    const std::lock_guard guard{tally_->lock};
    tally_->context = nullptr;
  }
  waiting_.cancel();
}

frame_slip unread_frames::add(size_t bytes) {
  const auto count = bytes + bytes_per_frame;
  {
    const std::lock_guard guard{tally_->lock};
    tally_->bytes += count;
  }
  // If there is no memory for the slip, its deleter is called all the same.
  return {tally_.get(),
          [kept = tally_, count](const void*) { kept->give_back(kept, count); }};
}

asio::awaitable<void> unread_frames::room() {
  boost::system::error_code woken;
  while (true) {
    {
      const std::lock_guard guard{tally_->lock};
      tally_->stopped = tally_->context && tally_->bytes > tally_->bytes_max;
      if (!tally_->stopped)
        co_return;
    }
    co_await waiting_.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
}

} // namespace weir
