// `weir certs`: its subcommands' options and help.
#include "app/commands/cli_options.hpp"
#include "app/commands/command_certs.hpp"
#include "app/config/units.hpp"

#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

namespace weir {
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

registered_command declare_init(CLI::App& parent) {
  auto* command = parent.add_subcommand("init", "Make a new authority: ca.pem, ca.key");
  auto options = std::make_shared<certs_options>();
  add_directory(*command, options->directory);
  command->add_option("--days", options->authority_days, "How long it is good")
    ->capture_default_str()
    ->check(CLI::Range(1, 36'500))
    ->type_name("N");
  command->footer("Example:\n  weir certs init /etc/weir/certs");
  return {command,
          [options] { return command_certs_init(*options, std::cout, std::cerr); }};
}

registered_command declare_issue(CLI::App& parent) {
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
  return {command,
          [options] { return command_certs_issue(*options, std::cout, std::cerr); }};
}

} // namespace

void declare_certs(CLI::App& app, std::vector<registered_command>& into) {
  auto* certs = app.add_subcommand(
    "certs", "Make the certificates nodes of a cluster show each other");
  certs->require_subcommand(1);
  certs->footer("Example:\n  weir certs init certs && weir certs issue node-1 certs");
  into.push_back(declare_init(*certs));
  into.push_back(declare_issue(*certs));
}

} // namespace weir
