#include "app/commands/certs.hpp"

#include "app/commands/arguments.hpp"
#include "app/commands/output_file.hpp"
#include "app/commands/registry.hpp"
#include "app/config/config_text.hpp"
#include "app/config/units.hpp"
#include "base/exit_code.hpp"

#include <cerrno>
#include <filesystem>
#include <ostream>
#include <system_error>

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <iostream>
#include <memory>
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

namespace {

void add_directory(CLI::App& command, std::string& into) {
  command.add_option("directory", into, "Where the authority's files are")
    ->required()
    ->type_name("DIR");
}

CLI::Validator accepts(bool (*good)(const std::string&), const std::string& expected) {
  return CLI::Validator{[good, expected](std::string& text) {
                          return good(text) ? std::string{}
                                            : in_quotes(text) + ": expected " + expected;
                        },
                        ""};
}

void declare_init(CLI::App& parent, command_list& into) {
  auto* command = parent.add_subcommand("init", "Make a new authority: ca.pem, ca.key");
  auto options = std::make_shared<certs_options>();
  add_directory(*command, options->directory);
  command->add_option("--days", options->authority_days, "How long it is good")
    ->capture_default_str()
    ->check(CLI::Range(1, 36'500))
    ->type_name("N");
  command->footer("Example:\n  weir certs init /etc/weir/certs");
  into.commands.push_back(
    {command, [options] { return command_certs_init(*options, std::cout, std::cerr); }});
}

void declare_issue(CLI::App& parent, command_list& into) {
  auto* command =
    parent.add_subcommand("issue", "Make a node's certificate: NAME.pem, NAME.key");
  auto options = std::make_shared<certs_options>();
  command->add_option("name", options->request.name, "The node's name, as in node.name")
    ->required()
    ->check(accepts([](const std::string& text) { return is_certificate_name(text); },
                    "1 … 64 letters, digits, `.`, `_` or `-`, not beginning with `.` or "
                    "`-`, and not `ca`"))
    ->type_name("NAME");
  add_directory(*command, options->directory);
  // Each --host takes one value: a word after it must not become another host.
  command
    ->add_option("--host", options->request.hosts,
                 "A DNS name or address the node is reached under; repeatable. NAME.weir "
                 "is always there")
    ->expected(1)
    ->take_all()
    ->check(accepts(is_certificate_host, "a DNS name or an IP address"))
    ->type_name("HOST");
  command
    ->add_option("--days", options->request.days,
                 "How long it is good, but no longer than the authority")
    ->capture_default_str()
    ->check(CLI::Range(1, 36'500))
    ->type_name("N");
  command->footer("Example:\n"
                  "  weir certs issue gateway-1 /etc/weir/certs --host 10.0.0.7 --host "
                  "gw1.example.org");
  into.commands.push_back(
    {command, [options] { return command_certs_issue(*options, std::cout, std::cerr); }});
}

} // namespace

void declare_certs(CLI::App& app, command_list& into) {
  auto* certs = app.add_subcommand(
    "certs", "Make the certificates nodes of a cluster show each other");
  certs->require_subcommand(1);
  certs->footer("Example:\n  weir certs init certs && weir certs issue node-1 certs");
  declare_init(*certs, into);
  declare_issue(*certs, into);
}

} // namespace weir
