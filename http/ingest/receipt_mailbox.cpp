#include "http/ingest/receipt_mailbox.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace weir {

void receipt_mailbox::deliver(std::shared_ptr<const batch_receipt> receipt) noexcept {
  std::unique_lock held{lock_};
  mail_.receipts.push_back(std::move(receipt));
  wake_once(held);
}

void receipt_mailbox::stored(uint64_t sequence) noexcept {
  std::unique_lock held{lock_};
  mail_.stored = std::max(mail_.stored, sequence);
  wake_once(held);
}

void receipt_mailbox::resubmit() noexcept {
  std::unique_lock held{lock_};
  mail_.resubmit = true;
  wake_once(held);
}

/// Posts under the lock, so that close() can't free the context in between.
void receipt_mailbox::wake_once(std::unique_lock<std::mutex>&) {
  if (awake_ || !context_)
    return;
  awake_ = true;
  boost::asio::post(*context_, [this] { wake_(); });
}

void receipt_mailbox::take(mail& into) {
  into.receipts.clear();
  into.stored = 0;
  into.resubmit = false;
  const std::lock_guard held{lock_};
  std::swap(into, mail_);
  awake_ = false;
}

void receipt_mailbox::close() noexcept {
  const std::lock_guard held{lock_};
  context_ = nullptr;
  mail_ = {};
}

} // namespace weir
