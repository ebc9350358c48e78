// I/O THREAD: one io_context with its listener, its sessions and the batches they sent.
// It shares only the ingest_state and the mailbox for receipts with other threads. A session
// lives and dies here.
#pragma once

#include "http/ingest/coalescer.hpp"
#include "http/ingest/ingest_state.hpp"
#include "http/ingest/outstanding.hpp"
#include "http/ingest/session.hpp"
#include "http/wire/listener.hpp"
#include "http/wire/request_head.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <list>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace weir {

class receipt_mailbox;

class io_thread {
 public:
  explicit io_thread(ingest_state& shared);
  ~io_thread();
  io_thread(const io_thread&) = delete;
  io_thread& operator=(const io_thread&) = delete;

  // -- by the server
  result<void> listen(uint16_t port) { return listener_.open(shared_.config.host, port); }
  uint16_t port() const noexcept { return listener_.port(); }
  /// Registers the mailbox and starts the thread.
  void start();
  /// Takes what has connected already, then closes the listener; sessions stay. Any thread.
  void stop_accepting();
  /// Closes every session; the thread ends when the last handler has run. Any thread; once.
  void stop();
  void join();

  // -- by its sessions, on its thread
  boost::asio::io_context& context() noexcept { return context_; }
  /// Scratch: valid until the next head is parsed.
  request_head& head() noexcept { return head_; }
  std::string& scratch() noexcept { return scratch_; }
  std::vector<record_ref>& scratch_records() noexcept { return scratch_records_; }
  const std::string& date() const noexcept { return date_; }
  /// response_start() of a 200 in JSON.
  const std::string& ok_start() const noexcept { return ok_start_; }
  batch_key next_key() noexcept;
  void submit(submission s) { outstanding_.submit(std::move(s)); }
  /// Tells the request when the sink has its last record.
  void await_sink(const std::shared_ptr<ingest_request>& request) {
    outstanding_.await_sink(request);
  }
  void coalesce(gathered as, whole_request one) {
    coalescers_.of(as).add(std::move(one));
  }
  /// Reads after the handlers that are ready. By then the client's next request may be here; a
  /// read at once would mostly find nothing.
  void read_soon(std::shared_ptr<session> one);
  /// Takes a closed session off the list, which has kept it alive.
  void strike(session_list::iterator place) noexcept { sessions_.erase(place); }

 private:
  friend class receipt_mailbox;
  using timer =
    boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                      boost::asio::wait_traits<std::chrono::steady_clock>,
                                      boost::asio::io_context::executor_type>;

  void run();
  void accepted(tcp_socket socket, std::string peer);
  void turn_away(tcp_socket& socket);
  void collect();
  void await_lull(lull rounds);
  void read_heads();
  void look_at_date();
  void schedule_tick();
  void tick();
  template <class F>
  void for_each_session(F&& f);

  ingest_state& shared_;
  /// One thread runs it, and no other uses its sockets.
  boost::asio::io_context context_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  timer tick_;
  listener listener_;
  std::shared_ptr<receipt_mailbox> mailbox_;
  outstanding outstanding_;
  coalescers coalescers_;
  size_t ended_ = 0; ///< batches of small requests, reported at the next lull
  session_list sessions_;
  std::vector<std::shared_ptr<session>> to_read_;
  std::vector<std::shared_ptr<session>> reading_;
  request_head head_;
  std::string scratch_;
  std::vector<record_ref> scratch_records_;
  std::string date_;
  std::string ok_start_;
  batch_key key_base_;
  uint64_t keys_made_ = 0;
  bool stopping_ = false;
  std::thread thread_;
};

} // namespace weir
