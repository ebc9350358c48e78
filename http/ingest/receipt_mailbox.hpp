// RECEIPT MAILBOX: where the pipeline leaves receipts for one I/O thread. A burst of them
// costs one wake-up. Any thread; never throws.
#pragma once

#include "proto/ports.hpp"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace weir {

class receipt_mailbox final : public receipt_port {
 public:
  struct mail {
    std::vector<std::shared_ptr<const batch_receipt>> receipts;
    uint64_t stored = 0;
    bool resubmit = false;
  };

  /// `wake` runs on the context's thread after something came.
  receipt_mailbox(boost::asio::io_context& context, std::function<void()> wake)
    : context_(&context), wake_(std::move(wake)) {}

  void deliver(std::shared_ptr<const batch_receipt> receipt) noexcept override;
  void stored(uint64_t sequence) noexcept override;
  void resubmit() noexcept override;

  /// Gives the I/O thread what has come since the last call. `into` is emptied and swapped in.
  void take(mail& into);
  /// Nothing wakes the context after this: it may go.
  void close() noexcept;

 private:
  void wake_once(std::unique_lock<std::mutex>& held);

  std::mutex lock_;
  boost::asio::io_context* context_;
  std::function<void()> wake_;
  mail mail_;
  bool awake_ = false; ///< a wake-up is on its way
};

} // namespace weir
