// A PostgreSQL server of the tests' own: in a temporary directory, on a Unix socket, by a user
// that is not root. It dies with the test program.
#pragma once

#include "storage/sinks/postgres/postgres.hpp"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace weir::postgres_test {

class server {
 public:
  server() {
    auto name = (std::filesystem::temp_directory_path() / "weir-pg-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
      throw std::runtime_error("cannot make " + name);
    directory_ = name;
    if (::geteuid() == 0) {
      const auto* user = ::getpwnam("postgres");
      user = user ? user : ::getpwnam("nobody");
      user_ = user->pw_uid;
      group_ = user->pw_gid;
      if (::chown(directory_.c_str(), user_, group_) != 0)
        throw std::runtime_error("cannot give " + directory_ + " away");
    }
    if (wait_for(spawn({binaries() + "/initdb", "-D", data(), "-U", "weir", "-A", "trust",
                        "--no-sync", "--locale=C", "-E", "UTF8"}))
        != 0)
      throw std::runtime_error("initdb failed in " + directory_);
    start();
  }
  ~server() {
    stop(SIGQUIT);
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }
  server(const server&) = delete;
  server& operator=(const server&) = delete;

  /// Until it takes connections. After a crash the old server's children may be on their way
  /// out; then starting is tried again.
  void start() {
    for (int tries = 0; tries < 200; ++tries) {
      process_ =
        spawn({binaries() + "/postgres", "-D", data(), "-k", directory_, "-c",
               "listen_addresses=", "-c", "fsync=off", "-c", "shared_buffers=16MB", "-c",
               "max_connections=40", "-c", "log_min_messages=panic"});
      if (became_ready())
        return;
    }
    throw std::runtime_error("postgres does not start in " + directory_);
  }
  void stop(int signal) {
    if (process_ <= 0)
      return;
    ::kill(process_, signal);
    wait_for(process_);
    process_ = -1;
  }
  /// As after a crash of the machine's memory: no checkpoint, no good-bye.
  void crash() {
    stop(SIGKILL);
    start();
  }

  std::string url(const std::string& database) const {
    return "host=" + directory_ + " user=weir dbname=" + database;
  }
  postgres::connection connect(const std::string& database) const {
    auto made = postgres::connection::open({url(database), "test"});
    if (!made)
      throw std::runtime_error(made.error().text);
    return std::move(*made);
  }

 private:
  static std::string binaries() {
    const auto* given = std::getenv("WEIR_POSTGRES_BIN");
    return given ? given : "/usr/lib/postgresql/15/bin";
  }
  std::string data() const { return directory_ + "/data"; }

  pid_t spawn(const std::vector<std::string>& command) const {
    const auto child = ::fork();
    if (child != 0)
      return child;
    ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
    const int nowhere = ::open("/dev/null", O_RDWR);
    ::dup2(nowhere, 0);
    ::dup2(nowhere, 1);
    ::dup2(nowhere, 2);
    if (::geteuid() == 0
        && (::setgroups(0, nullptr) != 0 || ::setgid(group_) != 0
            || ::setuid(user_) != 0))
      ::_exit(126);
    ::prctl(PR_SET_PDEATHSIG, SIGQUIT); // setuid has taken it back
    if (::chdir("/") != 0)
      ::_exit(126);
    std::vector<char*> arguments;
    for (const auto& word : command)
      arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  static int wait_for(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  /// False when the process ended before.
  bool became_ready() {
    for (;;) {
      if (PQping(url("postgres").c_str()) == PQPING_OK)
        return true;
      int status = 0;
      if (::waitpid(process_, &status, WNOHANG) == process_) {
        process_ = -1;
        return false;
      }
      ::usleep(5'000);
    }
  }

  std::string directory_;
  uid_t user_ = ::geteuid();
  gid_t group_ = ::getegid();
  pid_t process_ = -1;
};

} // namespace weir::postgres_test
