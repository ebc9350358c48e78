// The floor of every HTTP server on this machine: reads requests, throws their bodies away,
// answers 200. One epoll loop per thread, each with a listener of its own (SO_REUSEPORT). It
// trusts its client: no limits, no errors, nothing but Content-Length.
//
//   bench_epoll_discard PORT [THREADS]
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <vector>

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

void serve(uint16_t port) {
  const int listener = listen_on(port);
  const int poll = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event interest{};
  interest.events = EPOLLIN;
  interest.data.fd = listener;
  ::epoll_ctl(poll, EPOLL_CTL_ADD, listener, &interest);
  std::unordered_map<int, client> clients;
  std::vector<char> bytes(size_t{64} << 10);
  while (true) {
    epoll_event events[256];
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
      for (int done = clients[fd].take({bytes.data(), static_cast<size_t>(got)});
           done > 0; --done)
        (void)::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
    }
  }
}

} // namespace

int main(int count, char** words) {
  if (count < 2) {
    std::fprintf(stderr, "usage: bench_epoll_discard PORT [THREADS]\n");
    return 2;
  }
  const auto port = static_cast<uint16_t>(std::atoi(words[1]));
  const unsigned threads = count > 2 ? static_cast<unsigned>(std::atoi(words[2]))
                                     : std::thread::hardware_concurrency();
  std::vector<std::thread> all;
  for (unsigned i = 1; i < threads; ++i)
    all.emplace_back(serve, port);
  serve(port);
}
