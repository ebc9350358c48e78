// The floor of every HTTP server on this machine: reads requests, throws their bodies away,
// answers 200. One epoll loop per thread, each with a listener of its own (SO_REUSEPORT). It
// trusts its client: no limits, no errors, nothing but Content-Length.
//
// With a FILE it is the floor of every server that answers when the disk has it: as many bytes
// as came in a round of its one loop are appended and synced before the answers go out. As
// weir's journal does, it writes past the page cache, to blocks that were written before.
//
//   bench_epoll_discard PORT [THREADS [FILE]]
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr std::string_view answer =
  "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
  "Content-Length: 14\r\n\r\n{\"accepted\":0}";

struct client {
  std::string head;
  uint64_t body_left = 0;

  /// How many requests ended in these bytes.
  int take(std::string_view bytes) {
    int done = 0;
    while (!bytes.empty()) {
      if (body_left > 0) {
        const auto here = std::min<uint64_t>(body_left, bytes.size());
        body_left -= here;
        bytes.remove_prefix(here);
        done += body_left == 0;
        continue;
      }
      const auto before = head.size();
      head.append(bytes);
      const auto end = head.find("\r\n\r\n");
      if (end == std::string::npos)
        return done;
      bytes.remove_prefix(end + 4 - before);
      const auto length = head.find("Content-Length: ");
      body_left =
        length < end ? std::strtoull(head.c_str() + length + 16, nullptr, 10) : 0;
      head.clear();
      done += body_left == 0;
    }
    return done;
  }
};

/// One thread's file; lives as long as the process.
class synced_file {
 public:
  explicit synced_file(const char* path)
    : fd_(::open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640)) {
    for (size_t at = 0; at < bytes_max; at += piece_bytes)
      check(::pwrite(fd_, blocks_, piece_bytes, static_cast<off_t>(at)) > 0);
    check(::fsync(fd_) == 0);
    ::fcntl(fd_, F_SETFL, O_DIRECT); // where that can't be, through the cache
  }

  void append(size_t bytes) {
    bytes = std::min((bytes + block - 1) / block * block, piece_bytes);
    if (at_ + bytes > bytes_max)
      at_ = 0;
    check(::pwrite(fd_, blocks_, bytes, static_cast<off_t>(at_)) > 0
          && ::fdatasync(fd_) == 0);
    at_ += bytes;
  }

 private:
  static constexpr size_t block = 4096;
  static constexpr size_t piece_bytes = size_t{1} << 20;
  static constexpr size_t bytes_max = size_t{64} << 20;

  static void check(bool done) {
    if (!done)
      throw std::system_error(errno, std::generic_category(), "file");
  }

  alignas(block) static inline char blocks_[piece_bytes] = {};
  int fd_;
  size_t at_ = 0;
};

void send_answers(int fd, int count) {
  for (; count > 0; --count)
    (void)::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
}

int listen_on(uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0
      || ::listen(fd, 4096) != 0)
    throw std::system_error(errno, std::generic_category(), "bind");
  return fd;
}

/// `file` may be null.
void serve(uint16_t port, synced_file* file) {
  const int listener = listen_on(port);
  const int poll = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event interest{};
  interest.events = EPOLLIN;
  interest.data.fd = listener;
  ::epoll_ctl(poll, EPOLL_CTL_ADD, listener, &interest);
  std::unordered_map<int, client> clients;
  std::vector<char> bytes(size_t{64} << 10);
  std::vector<std::pair<int, int>> synced; // sockets and what they get
  while (true) {
    epoll_event events[256];
    size_t came = 0;
    const int n = ::epoll_wait(poll, events, 256, -1);
    for (int i = 0; i < n; ++i) {
      const int fd = events[i].data.fd;
      if (fd == listener) {
        const int one =
          ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (one < 0)
          continue;
        const int on = 1;
        ::setsockopt(one, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        interest.data.fd = one;
        ::epoll_ctl(poll, EPOLL_CTL_ADD, one, &interest);
        continue;
      }
      const auto got = ::recv(fd, bytes.data(), bytes.size(), 0);
      if (got < 0 && errno == EAGAIN)
        continue;
      if (got <= 0) {
        ::close(fd);
        clients.erase(fd);
        continue;
      }
      const int done = clients[fd].take({bytes.data(), static_cast<size_t>(got)});
      came += static_cast<size_t>(got);
      if (file)
        synced.emplace_back(fd, done);
      else
        send_answers(fd, done);
    }
    if (came > 0 && file)
      file->append(came);
    for (const auto& [fd, done] : std::exchange(synced, {}))
      send_answers(fd, done);
  }
}

} // namespace

int main(int count, char** words) {
  if (count < 2) {
    std::fprintf(stderr, "usage: bench_epoll_discard PORT [THREADS [FILE]]\n");
    return 2;
  }
  const auto port = static_cast<uint16_t>(std::atoi(words[1]));
  const unsigned threads = count > 2 ? static_cast<unsigned>(std::atoi(words[2]))
                                     : std::thread::hardware_concurrency();
  if (count > 3) {
    synced_file file{words[3]};
    serve(port, &file);
  }
  std::vector<std::thread> all;
  for (unsigned i = 1; i < threads; ++i)
    all.emplace_back(serve, port, nullptr);
  serve(port, nullptr);
}
