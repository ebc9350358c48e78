#include "http/operations/page_server.hpp"

#include "base/log.hpp"
#include "base/text.hpp"
#include "http/wire/answer.hpp"
#include "http/wire/request_head.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/write.hpp>

#include <pthread.h>

#include <algorithm>
#include <ctime>
#include <list>
#include <optional>
#include <thread>

namespace weir {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

using clock = std::chrono::steady_clock;

constexpr auto tick_time = std::chrono::milliseconds{100};
constexpr auto linger_time = std::chrono::milliseconds{500};
constexpr size_t head_bytes_begin = size_t{1} << 10;

std::string decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool coded = text[i] == '%' && i + 2 < text.size()
                       && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0;
    if (coded) {
      out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

void read_query(std::string_view query, page_request& out) {
  while (!query.empty()) {
    const auto one = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), one.size() + 1));
    const auto equals = std::min(one.find('='), one.size());
    if (!one.empty())
      out.params.emplace_back(decoded(one.substr(0, equals)),
                              decoded(one.substr(std::min(equals + 1, one.size()))));
  }
}

page_request make_request(const request_head& head) {
  page_request out;
  out.method = head.method;
  out.path = head.path;
  out.authorization = head.find("authorization").value_or("");
  read_query(head.query, out);
  return out;
}

class server;

/// One connection: reads a head, waits for its page, writes it, waits for the end.
struct viewer : std::enable_shared_from_this<viewer> {
  enum class phase : uint8_t { head, page, writing, lingering, closed };

  explicit viewer(tcp::socket of) : socket(std::move(of)) {}

  tcp::socket socket;
  phase at = phase::head;
  clock::time_point deadline{};
  std::string in;
  size_t filled = 0;
  bool reading = false;
  head_scanner scanner;
  bool head_only = false;
  std::string out;
};
using viewer_ptr = std::shared_ptr<viewer>;

class server final : public page_server {
 public:
  server(page_server_options options, handler make, refusal refuse, urgency urgent)
    : options_(std::move(options)), make_(std::move(make)), refuse_(std::move(refuse)),
      urgent_(std::move(urgent)), acceptor_(context_), tick_(context_) {}

  ~server() override {
    asio::post(context_, [this] { context_.stop(); });
    if (thread_.joinable())
      thread_.join();
    pages_.join();
  }

  result<void> listen() {
    error_code failure;
    tcp::resolver resolver{context_};
    const auto found = resolver.resolve(options_.host, std::to_string(options_.port),
                                        tcp::resolver::passive, failure);
    if (failure || found.empty())
      return fail(ec::io_failed, failure.message());
    const tcp::endpoint end = *found.begin();
    acceptor_.open(end.protocol(), failure);
    if (!failure)
      acceptor_.set_option(tcp::acceptor::reuse_address(true), failure);
    if (!failure)
      acceptor_.bind(end, failure);
    if (!failure)
      acceptor_.listen(SOMAXCONN, failure);
    if (!failure)
      port_ = acceptor_.local_endpoint(failure).port();
    if (failure)
      return fail(ec::io_failed, failure.message());
    accept_next();
    tick();
    thread_ = std::thread{[this] { run(); }};
    return {};
  }

  uint16_t port() const noexcept override { return port_; }

 private:
  void run() {
    ::pthread_setname_np(::pthread_self(), "weir-pages");
    while (!context_.stopped())
      try {
        context_.run();
      } catch (const std::exception& e) {
        log_event(log_level::error, "page_failed", {{"reason", e.what()}});
      }
  }

  // -- connections

  void accept_next() {
    acceptor_.async_accept([this](error_code failure, tcp::socket socket) {
      if (failure)
        return pause();
      accept_next();
      welcome(std::move(socket));
    });
  }

  void pause() {
    pausing_ = true; // the next tick accepts again
  }

  void welcome(tcp::socket socket) {
    if (viewers_.size() >= options_.connections_max)
      give_up_one();
    const auto one = std::make_shared<viewer>(std::move(socket));
    one->deadline = clock::now() + options_.head_time;
    viewers_.push_back(one);
    read(one);
  }

  /// The oldest that lingers; else that still sends its head; else that reads its answer.
  void give_up_one() {
    for (const auto at :
         {viewer::phase::lingering, viewer::phase::head, viewer::phase::writing}) {
      const auto eldest = std::find_if(viewers_.begin(), viewers_.end(),
                                       [&](const auto& v) { return v->at == at; });
      if (eldest != viewers_.end())
        return close(viewer_ptr{*eldest});
    }
  }

  void close(const viewer_ptr& one) {
    if (one->at == viewer::phase::closed)
      return;
    one->at = viewer::phase::closed;
    answer_bytes_ -= one->out.size();
    error_code ignored;
    one->socket.close(ignored);
    viewers_.remove(one);
  }

  void tick() {
    tick_.expires_after(tick_time);
    tick_.async_wait([this](error_code failure) {
      if (failure)
        return;
      tick();
      if (std::exchange(pausing_, false))
        accept_next();
      look_at_deadlines();
    });
  }

  void look_at_deadlines() {
    const auto now = clock::now();
    const auto all = viewers_;
    for (const auto& one : all) {
      if (now < one->deadline)
        continue;
      const bool asks = one->at == viewer::phase::head && one->filled > 0;
      asks ? refuse(one, 408) : close(one);
    }
  }

  // -- the request

  void read(const viewer_ptr& one) {
    if (std::exchange(one->reading, true))
      return;
    auto& in = one->in;
    if (one->filled == in.size())
      in.resize(
        std::min(std::max(in.size() * 4, head_bytes_begin), one->scanner.bytes_max()));
    one->socket.async_read_some(
      asio::buffer(in.data() + one->filled, in.size() - one->filled),
      [this, one](error_code failure, size_t bytes) { on_read(one, failure, bytes); });
  }

  void on_read(const viewer_ptr& one, error_code failure, size_t bytes) {
    one->reading = false;
    if (one->at == viewer::phase::lingering)
      return failure ? close(one) : drop(one);
    if (one->at != viewer::phase::head)
      return;
    if (failure)
      return close(one);
    one->filled += bytes;
    const std::string_view text{one->in.data(), one->filled};
    const auto length = one->scanner.find_end(text);
    if (!length)
      return refuse(one, length.error().code == ec::head_too_large ? 431 : 400);
    if (*length == 0)
      return read(one);
    request_head head;
    if (const auto parsed = parse_head(text.substr(0, *length), head); !parsed)
      return refuse(one, parsed.error().code == ec::head_too_large ? 431 : 400);
    if (head.count("authorization") > 1) // which one counts would be anybody's guess
      return refuse(one, 400);
    make_page(one, make_request(head));
  }

  // -- the page

  void make_page(const viewer_ptr& one, page_request asked) {
    one->at = viewer::phase::page;
    one->deadline = clock::time_point::max();
    one->head_only = asked.method == "HEAD";
    if (urgent_(asked.path))
      return write(one, made(asked));
    asio::post(pages_, [this, one, asked = std::move(asked)] {
      auto answer = std::make_shared<page_answer>(made(asked));
      asio::post(context_, [this, one, answer] { write(one, std::move(*answer)); });
    });
  }

  page_answer made(const page_request& asked) const {
    page_answer answer;
    try {
      make_(asked, answer);
    } catch (const std::exception& e) {
      log_event(log_level::error, "page_failed", {{"reason", e.what()}});
      answer = {};
      refuse_(500, answer);
    }
    return answer;
  }

  void refuse(const viewer_ptr& one, int status) {
    page_answer answer;
    refuse_(status, answer);
    write(one, std::move(answer));
  }

  void write(const viewer_ptr& one, page_answer answer) {
    if (one->at == viewer::phase::closed)
      return;
    const auto date = http_date(static_cast<int64_t>(std::time(nullptr)));
    const auto start = response_start(answer.status, date, answer.type);
    response r;
    r.start = start;
    r.body = answer.body;
    r.fields = answer.fields;
    r.connection = connection_note::close;
    r.head_only = one->head_only;
    append_response(one->out, r);
    one->at = viewer::phase::writing;
    one->deadline = clock::now() + options_.write_time;
    answer_bytes_ += one->out.size();
    asio::async_write(
      one->socket, asio::buffer(one->out),
      [this, one](error_code failure, size_t) { on_written(one, failure); });
    // Answers that are not taken share a bound: the oldest others give way to this one.
    while (answer_bytes_ > options_.answer_bytes_max && gave_up_a_reader(one)) {
    }
  }

  bool gave_up_a_reader(const viewer_ptr& but) {
    const auto eldest =
      std::find_if(viewers_.begin(), viewers_.end(), [&](const auto& v) {
        return v != but && v->at == viewer::phase::writing;
      });
    if (eldest == viewers_.end())
      return false;
    close(viewer_ptr{*eldest});
    return true;
  }

  /// Closing at once would reset the answer if the client has sent more than was read.
  void on_written(const viewer_ptr& one, error_code failure) {
    if (one->at == viewer::phase::closed)
      return;
    if (failure)
      return close(one);
    answer_bytes_ -= one->out.size();
    std::string{}.swap(one->out);
    one->at = viewer::phase::lingering;
    one->deadline = clock::now() + linger_time;
    error_code ignored;
    one->socket.shutdown(tcp::socket::shutdown_send, ignored);
    drop(one);
  }

  void drop(const viewer_ptr& one) {
    one->filled = 0;
    read(one);
  }

  page_server_options options_;
  handler make_;
  refusal refuse_;
  urgency urgent_;
  asio::io_context context_{1};
  asio::thread_pool pages_{2};
  tcp::acceptor acceptor_;
  asio::steady_timer tick_;
  bool pausing_ = false;
  uint16_t port_ = 0;
  std::list<viewer_ptr> viewers_; ///< the oldest first
  size_t answer_bytes_ = 0;       ///< bytes of the answers being written
  std::thread thread_;
};

} // namespace

bool page_request::has_param(std::string_view name) const noexcept {
  return std::any_of(params.begin(), params.end(),
                     [&](const auto& p) { return p.first == name; });
}

std::string page_request::get_param_value(std::string_view name) const {
  const auto found = std::find_if(params.begin(), params.end(),
                                  [&](const auto& p) { return p.first == name; });
  return found == params.end() ? std::string{} : found->second;
}

result<std::unique_ptr<page_server>> page_server::start(page_server_options options,
                                                        handler make, refusal refuse,
                                                        urgency urgent) {
  auto made = std::make_unique<server>(std::move(options), std::move(make),
                                       std::move(refuse), std::move(urgent));
  if (auto listening = made->listen(); !listening)
    return tl::unexpected(std::move(listening.error()));
  return std::unique_ptr<page_server>{std::move(made)};
}

} // namespace weir
