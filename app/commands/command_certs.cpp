#include "app/commands/command_certs.hpp"

#include "app/commands/output_file.hpp"
#include "app/config/config_text.hpp"

#include <cerrno>
#include <filesystem>
#include <ostream>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace weir {

namespace {

constexpr size_t pem_bytes_max = size_t{64} << 10;
constexpr mode_t for_all = 0644;
constexpr mode_t for_owner = 0600;

std::string reason() {
  return std::generic_category().message(errno);
}

/// Writes a new file and syncs it; io_failed if there is one already.
result<void> write_new(const std::string& path, std::string_view text, mode_t mode) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0)
    return fail(ec::io_failed,
                errno == EEXIST
                  ? path + " exists already and is not overwritten: move it away first"
                  : path + ": cannot be made: " + reason());
  std::string failure;
  {
    output_file file{fd};
    file.write(text);
    if (!file.flush())
      failure = file.failure();
  }
  if (failure.empty() && ::fsync(fd) != 0)
    failure = reason();
  ::close(fd);
  if (failure.empty())
    return {};
  // Half a file must not be in the way of the next try.
  ::unlink(path.c_str());
  return fail(ec::io_failed, path + ": cannot be written: " + failure);
}

/// Writes both files or none: half of a pair would be in the way of the next try.
result<void> write_pair(const std::string& stem, const certificate_pair& pair) {
  if (::access((stem + ".pem").c_str(), F_OK) == 0)
    return write_new(stem + ".pem", {}, for_all); // says that it exists
  if (auto written = write_new(stem + ".key", pair.key, for_owner); !written)
    return written;
  auto written = write_new(stem + ".pem", pair.certificate, for_all);
  if (!written)
    ::unlink((stem + ".key").c_str());
  return written;
}

int failed(const fault& why, std::ostream& err) {
  err << "certs: " << why.text << '\n';
  return exit_failed;
}

result<certificate_pair> read_authority(const std::string& directory) {
  const auto stem = directory + "/ca";
  auto certificate = read_file(stem + ".pem", pem_bytes_max);
  if (!certificate)
    return fail(ec::io_failed, certificate.error().text + "; `weir certs init "
                                 + directory + "` makes it");
  auto key = read_file(stem + ".key", pem_bytes_max);
  if (!key)
    return fail(ec::io_failed, key.error().text
                                 + "; certificates are issued where the authority was"
                                   " made: its key is not copied");
  return certificate_pair{std::move(*certificate), std::move(*key)};
}

} // namespace

int command_certs_init(const certs_options& options, std::ostream& out,
                       std::ostream& err) {
  std::error_code error;
  std::filesystem::create_directories(options.directory, error);
  if (error)
    return failed(
      {ec::io_failed, options.directory + ": cannot be made: " + error.message()}, err);
  const auto made = make_authority(options.authority_days);
  if (!made)
    return failed(made.error(), err);
  const auto stem = options.directory + "/ca";
  // An authority that exists stays: the write fails.
  if (auto written = write_pair(stem, *made); !written)
    return failed(written.error(), err);
  out << stem << ".pem  the authority's certificate, good until "
      << certificate_end(made->certificate).value_or("?") << "; every node needs a copy\n"
      << stem << ".key  its key; keep it here: who has it can join the cluster\n"
      << "Next, once for each node:\n  weir certs issue NAME " << options.directory
      << " --host ADDRESS\n";
  return exit_ok;
}

int command_certs_issue(const certs_options& options, std::ostream& out,
                        std::ostream& err) {
  const auto issued = read_authority(options.directory).and_then([&](const auto& pair) {
    return issue_certificate(pair, options.request);
  });
  if (!issued)
    return failed({issued.error().code, options.directory + ": " + issued.error().text},
                  err);
  const auto& name = options.request.name;
  const auto stem = options.directory + "/" + name;
  // A pair that exists stays: the operator must move it away first.
  if (auto written = write_pair(stem, *issued); !written)
    return failed(written.error(), err);
  out << stem << ".pem  the certificate of " << name << ", good until "
      << certificate_end(issued->certificate).value_or("?") << '\n'
      << stem << ".key  its key\n"
      << "Next: bring " << name << ".pem, " << name << ".key and ca.pem to that node, and"
      << " name them in its\nconfiguration. The key stays readable by weir's user only"
      << " (mode 0600).\n";
  return exit_ok;
}

} // namespace weir
