#include "tests/failure/load/load_client.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <system_error>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace weir::load {

namespace {

/// The value of a header field of a head, without the blanks around it.
std::string_view field(std::string_view head, std::string_view name) noexcept {
  const auto same = [](char a, char b) { return (a | 32) == (b | 32); };
  for (auto at = head.find("\r\n"); at != std::string_view::npos;
       at = head.find("\r\n", at + 2)) {
    const auto line = head.substr(at + 2);
    if (line.size() <= name.size() || line[name.size()] != ':'
        || !std::equal(name.begin(), name.end(), line.begin(), same))
      continue;
    auto value = line.substr(name.size() + 1);
    value = value.substr(0, value.find("\r\n"));
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    return value;
  }
  return {};
}

/// The number at the start of a text; -1 when there is none.
int64_t number(std::string_view text) noexcept {
  int64_t value = -1;
  (void)std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string_view behind(std::string_view text, std::string_view mark) noexcept {
  const auto at = text.find(mark);
  return at == std::string_view::npos ? std::string_view{}
                                      : text.substr(at + mark.size());
}

std::string code_of(std::string_view body) {
  const auto value = behind(body, "\"code\":\"");
  return std::string{value.substr(0, value.find('"'))};
}

} // namespace

int64_t monotonic_us() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

load_client::load_client(const load_options& options, int number, int epoll,
                         std::vector<outcome>& log)
  : options_(options), number_(number), epoll_(epoll), log_(log) {
  if (options.rate > 0) {
    interval_us_ = static_cast<int64_t>(options.connections * 1e6 / options.rate);
    due_us_ = monotonic_us() + interval_us_ * number / options.connections;
  }
}

load_client::~load_client() {
  disconnect();
}

void load_client::disconnect() noexcept {
  if (fd_ >= 0)
    ::close(fd_);
  fd_ = -1;
}

void load_client::watch(uint32_t events) {
  epoll_event wanted{};
  wanted.events = events;
  wanted.data.ptr = this;
  if (::epoll_ctl(epoll_, EPOLL_CTL_MOD, fd_, &wanted) != 0
      && ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd_, &wanted) != 0)
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
}

void load_client::make_request() {
  first_ = next_;
  next_ += static_cast<uint64_t>(options_.records);
  ++requests_;
  const auto name = options_.prefix + std::to_string(number_);
  std::string tail = options_.members.empty() ? "" : "," + options_.members;
  if (options_.pad > 0)
    tail += ",\"pad\":\"" + std::string(static_cast<size_t>(options_.pad), 'x') + '"';
  tail += "}\n";
  std::string body;
  body.reserve((name.size() + tail.size() + 40) * static_cast<size_t>(options_.records));
  for (uint64_t n = first_; n < next_; ++n)
    body += "{\"c\":\"" + name + "\",\"n\":" + std::to_string(n) + tail;
  request_ = "POST /ingest/" + options_.stream
             + " HTTP/1.1\r\nHost: weir\r\nContent-Type: application/x-ndjson\r\n";
  if (options_.keyed)
    request_ += "Idempotency-Key: " + name + '-' + std::to_string(first_) + "\r\n";
  if (!options_.header.empty())
    request_ += options_.header + "\r\n";
  request_ += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

void load_client::begin() {
  if (!has_unsettled_)
    make_request();
  has_unsettled_ = true;
  sent_ = 0;
  answer_.clear();
  if (fd_ < 0)
    return connect();
  sent_us_ = monotonic_us();
  state_ = state::sending;
  send_more();
}

void load_client::connect() {
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0)
    throw std::system_error(errno, std::generic_category(), "socket");
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(options_.port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sent_us_ = monotonic_us();
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0
      && errno != EINPROGRESS)
    return settle(status_unsent, {}, true);
  state_ = state::connecting;
  watch(EPOLLOUT);
}

void load_client::on_event(uint32_t events) {
  if (fd_ < 0)
    return;
  if (state_ == state::resting) // the server closes a connection that has nothing to do
    return disconnect();
  if (state_ == state::connecting) {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0)
      return settle(status_unsent, {}, true);
    sent_us_ = monotonic_us();
    state_ = state::sending;
  }
  // A refusal may come while the body is still going out.
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
    receive();
  if (state_ == state::sending && fd_ >= 0 && (events & EPOLLOUT) != 0)
    send_more();
}

void load_client::send_more() {
  while (sent_ < request_.size()) {
    const auto n =
      ::send(fd_, request_.data() + sent_, request_.size() - sent_, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN)
      return watch(EPOLLIN | EPOLLOUT);
    if (n < 0) { // what it said before it closed may still be there to read
      receive();
      if (state_ == state::sending)
        settle(status_unsent, {}, true);
      return;
    }
    sent_ += static_cast<size_t>(n);
  }
  state_ = state::receiving;
  watch(EPOLLIN);
}

void load_client::receive() {
  char buffer[16384];
  while (true) {
    const auto n = ::recv(fd_, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EAGAIN)
      return;
    if (n > 0) {
      answer_.append(buffer, static_cast<size_t>(n));
      if (take_answer())
        return;
      continue;
    }
    return settle(sent_ < request_.size() ? status_unsent : status_broken, {}, true);
  }
}

/// True when the answer is whole.
bool load_client::take_answer() {
  const auto head_end = answer_.find("\r\n\r\n");
  if (head_end == std::string::npos)
    return false;
  const auto head = std::string_view{answer_}.substr(0, head_end + 2);
  const auto length = std::max<int64_t>(number(field(head, "Content-Length")), 0);
  const auto body = std::string_view{answer_}.substr(head_end + 4);
  if (body.size() < static_cast<size_t>(length))
    return false;
  const auto status = static_cast<int>(number(head.substr(9)));
  bool honest = true;
  if (status == 200)
    honest = number(behind(body, "\"accepted\":")) == options_.records;
  else if (status == 429 || status == 503)
    honest = number(field(head, "Retry-After")) >= 1;
  const bool closes = field(head, "Connection") == "close" || sent_ < request_.size();
  auto code = status >= 400 ? code_of(body) : std::string{};
  if (closes)
    disconnect();
  settle(status, std::move(code), honest);
  return true;
}

void load_client::settle(int status, std::string code, bool is_honest) {
  const auto now = monotonic_us();
  const bool answered = status > 0;
  if (!answered)
    disconnect();
  state_ = state::resting;
  const bool never_left = status == status_unsent && sent_ == 0;
  if (!never_left)
    log_.push_back({number_, first_, status, sent_us_, now, std::move(code), is_honest});
  const bool again = !answered || status == 429 || status == 503;
  has_unsettled_ = never_left || (options_.repeat && again);
  due_us_ = std::max(due_us_ + interval_us_, now - interval_us_);
  if (interval_us_ == 0)
    due_us_ = now;
  if (!answered || (options_.repeat && again))
    due_us_ = std::max(due_us_, now + options_.pause_ms * 1000);
}

void load_client::on_tick(int64_t now_us) {
  if (state_ == state::resting) {
    if (!finishing_ && !is_exhausted() && now_us >= due_us_)
      begin();
    return;
  }
  if (now_us - sent_us_ > int64_t{options_.answer_timeout_ms} * 1000)
    settle(state_ == state::receiving ? status_unanswered : status_unsent, {}, true);
}

} // namespace weir::load
