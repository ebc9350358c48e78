#include "http/ingest/io_thread.hpp"

#include "base/clock.hpp"
#include "base/log.hpp"
#include "http/ingest/receipt_mailbox.hpp"
#include "proto/ports.hpp"

#include <boost/asio/post.hpp>

#include <pthread.h>
#include <sys/socket.h>

#include <utility>

namespace weir {

namespace asio = boost::asio;

namespace {

/// A batch without a receipt after this many request timeouts is given up.
constexpr int abandon_after_timeouts = 10;

/// Without a connection only the date needs the tick, which is this many times slower then.
constexpr int idle_ticks = 4;

outstanding::options
outstanding_options(ingest_state& shared,
                    const std::shared_ptr<receipt_mailbox>& mailbox) {
  const auto timeout = shared.config.request_timeout;
  return {timeout, timeout * abandon_after_timeouts, mailbox, &shared.outstanding,
          shared.config.coalesce_wait};
}

} // namespace

io_thread::io_thread(ingest_state& shared)
  : shared_(shared), work_(context_.get_executor()), tick_(context_.get_executor()),
    listener_(context_,
              [this](tcp_socket socket, std::string peer) {
                accepted(std::move(socket), std::move(peer));
              }),
    mailbox_(std::make_shared<receipt_mailbox>(context_, [this] { collect(); })),
    outstanding_(shared.context, shared.gate, outstanding_options(shared, mailbox_)),
    coalescers_(shared.config,
                [this](submission s) { return outstanding_.submit(std::move(s)); }),
    key_base_(random_batch_key()) {}

io_thread::~io_thread() {
  mailbox_->close();
  shared_.outstanding.fetch_sub(outstanding_.size(), std::memory_order_relaxed);
}

void io_thread::start() {
  shared_.context.pipeline.attach(mailbox_);
  look_at_date();
  listener_.start();
  schedule_tick();
  thread_ = std::thread([this] { run(); });
}

void io_thread::run() {
  ::pthread_setname_np(::pthread_self(), "weir-ingest");
  while (true) {
    try {
      context_.run();
      return;
    } catch (const std::exception& e) {
      log_event(log_level::error, "io_handler_failed", {{"reason", e.what()}});
    }
  }
}

void io_thread::stop_accepting() {
  asio::post(context_, [this] {
    listener_.take_waiting();
    listener_.close();
  });
}

void io_thread::stop() {
  asio::post(context_, [this] {
    stopping_ = true;
    listener_.close();
    tick_.cancel();
    for_each_session([](session& s) { s.close(); });
    work_.reset();
  });
}

void io_thread::join() {
  if (thread_.joinable())
    thread_.join();
  mailbox_->close();
}

batch_key io_thread::next_key() noexcept {
  auto key = key_base_;
  key.low += keys_made_++;
  return key;
}

void io_thread::accepted(tcp_socket socket, std::string peer) {
  if (stopping_)
    return;
  if (shared_.connections.load(std::memory_order_relaxed)
      >= shared_.config.connections_max)
    return turn_away(socket);
  auto link = shared_.tls ? shared_.tls->make_transport(std::move(socket))
                          : make_plain_transport(std::move(socket));
  sessions_.push_back(
    std::make_shared<session>(*this, shared_, std::move(link), std::move(peer)));
  sessions_.back()->start(std::prev(sessions_.end()));
}

/// Tries once to say why, without waiting; under TLS that would take a handshake.
void io_thread::turn_away(tcp_socket& socket) {
  add(shared_.metrics.responses[503]);
  if (shared_.tls)
    return;
  static constexpr std::string_view body =
    R"({"type":"urn:weir:problem:saturated","title":"The node is at its capacity",)"
    R"("status":503,"detail":"too many connections","code":"saturated","retry_after":1})";
  const auto start = response_start(503, date_, problem_type);
  std::string out;
  response r;
  r.start = start;
  r.body = body;
  r.fields = "Retry-After: 1\r\n";
  r.connection = connection_note::close;
  append_response(out, r);
  // Closing a socket with unread input would reset the connection, and lose the answer.
  char unread[4096];
  (void)::recv(socket.native_handle(), unread, sizeof unread, MSG_DONTWAIT);
  (void)::send(socket.native_handle(), out.data(), out.size(),
               MSG_DONTWAIT | MSG_NOSIGNAL);
  ::shutdown(socket.native_handle(), SHUT_WR);
}

void io_thread::collect() {
  receipt_mailbox::mail mail;
  mailbox_->take(mail);
  for (const auto& receipt : mail.receipts) {
    const auto by = outstanding_.ends(*receipt);
    if (by == gathered::small && ended_++ == 0)
      await_lull({});
    (void)outstanding_.receive(*receipt);
    if (by == gathered::large) // requests there are large: no lull is waited for
      coalescers_.settled(by);
  }
  if (mail.stored > 0)
    outstanding_.stored(mail.stored);
  if (mail.resubmit)
    outstanding_.resubmit();
}

/// The posted handler runs after those that are ready now, and posts again for the next round.
void io_thread::await_lull(lull rounds) {
  asio::post(context_, [this, rounds]() mutable {
    auto& small = coalescers_.of(gathered::small);
    if (!rounds.came(small.waiting_requests(), sessions_.size()))
      return await_lull(rounds);
    for (auto count = std::exchange(ended_, 0); count > 0; --count)
      small.settled();
  });
}

void io_thread::read_soon(std::shared_ptr<session> one) {
  if (to_read_.empty()) // posted first: if either throws, no session is left unread
    asio::post(context_, [this] { read_heads(); });
  to_read_.push_back(std::move(one));
}

void io_thread::read_heads() {
  reading_.swap(to_read_);
  for (const auto& one : reading_)
    one->read_head();
  reading_.clear();
}

void io_thread::look_at_date() {
  date_ = http_date(shared_.context.clock.unix_us() / 1'000'000);
  ok_start_ = response_start(200, date_, json_type);
}

void io_thread::schedule_tick() {
  const bool idle = sessions_.empty() && outstanding_.size() == 0;
  tick_.expires_after(shared_.config.tick * (idle ? idle_ticks : 1));
  tick_.async_wait([this](boost::system::error_code failure) {
    if (failure || stopping_)
      return;
    schedule_tick(); // first, so that an exception in tick() does not end it
    tick();
  });
}

void io_thread::tick() {
  const auto now = shared_.context.clock.now();
  look_at_date();
  for_each_session([&](session& s) { s.tick(now); });
  for (const auto by : outstanding_.expire(now))
    coalescers_.settled(by);
}

/// `f` may close the session it is given.
template <class F>
void io_thread::for_each_session(F&& f) {
  for (auto at = sessions_.begin(); at != sessions_.end();) {
    const auto one = *at++;
    f(*one);
  }
}

} // namespace weir
