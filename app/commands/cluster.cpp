#include "app/commands/cluster.hpp"

#include "app/commands/arguments.hpp"
#include "app/commands/cli.hpp"
#include "app/commands/registry.hpp"
#include "app/config/config_text.hpp"
#include "app/config/units.hpp"
#include "base/exit_code.hpp"
#include "base/printable.hpp"
#include "http/client.hpp"

#include <algorithm>
#include <ostream>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

namespace weir {
namespace {

using nlohmann::json;
using row = std::vector<std::string>;

/// A table whose columns are as wide as their widest cell; the first row is the head.
std::string table(const std::vector<row>& rows) {
  std::vector<size_t> widths(rows.front().size());
  for (const auto& cells : rows)
    for (size_t i = 0; i < cells.size(); ++i)
      widths[i] = std::max(widths[i], cells[i].size());
  std::string text;
  for (const auto& cells : rows) {
    std::string line;
    for (size_t i = 0; i < cells.size(); ++i)
      line +=
        i + 1 < cells.size() ? fmt::format("{:<{}}  ", cells[i], widths[i]) : cells[i];
    text += one_line(line, line.size()) + '\n'; // names are what a peer says
  }
  return text;
}

std::string joined(const json& list) {
  std::string text;
  for (const auto& item : list)
    text += (text.empty() ? "" : ", ") + item.get<std::string>();
  return text;
}

/// `3/32 1.2/4.0 MiB`: batches and bytes in flight, each with its bound.
std::string in_flight(const json& flow) {
  if (flow.at("batches_max") == 0 && flow.at("batches") == 0)
    return "-";
  const auto mib = [&](const char* key) {
    return flow.at(key).get<double>() / (1 << 20);
  };
  return fmt::format("{}/{} {:.1f}/{:.1f} MiB", flow.at("batches").get<uint64_t>(),
                     flow.at("batches_max").get<uint64_t>(), mib("bytes"),
                     mib("bytes_max"));
}

std::string members_table(const json& page) {
  std::vector<row> rows{{"NODE", "STATE", "ROLES", "ADDRESS"}};
  for (const auto& member : page.at("members"))
    rows.push_back({member.at("node"), member.at("state"), joined(member.at("roles")),
                    member.at("address")});
  return table(rows);
}

std::string links_table(const json& page) {
  std::vector<row> rows{{"PEER", "LINK", "ROUND TRIP", "WORK SENT", "WORK RECEIVED",
                         "PERSIST SENT", "PERSIST RECEIVED", "RESENDS", "LOSSES"}};
  for (const auto& link : page.at("links")) {
    const bool up = link.at("up");
    rows.push_back(
      {link.at("peer"), up ? "up" : "down",
       up ? fmt::format("{:.2f} ms", link.at("round_trip_ms").get<double>()) : "-",
       in_flight(link.at("work").at("sent")), in_flight(link.at("work").at("received")),
       in_flight(link.at("persist").at("sent")),
       in_flight(link.at("persist").at("received")),
       std::to_string(link.at("resends_total").get<uint64_t>()),
       std::to_string(link.at("losses_total").get<uint64_t>())});
  }
  return table(rows);
}

/// The state as /readyz of the node tells it.
std::string readiness_line(const std::string& page) {
  const auto said = json::parse(page);
  const auto reasons = joined(said.at("reasons"));
  return "This node is " + said.at("state").get<std::string>()
         + (reasons.empty() ? "" : ": " + reasons) + ".\n";
}

} // namespace

std::string operations_url(const config& settings) {
  return "http://" + to_string(from_here(settings.operations.listen));
}

result<std::string> cluster_tables(std::string_view page) {
  try {
    const auto parsed = json::parse(page);
    return members_table(parsed) + "\n" + links_table(parsed);
  } catch (const json::exception& e) {
    return fail(ec::malformed_request, std::string{"/cluster: "} + e.what());
  }
}

int command_cluster_status(const std::string& url, bool as_json, std::ostream& out,
                           std::ostream& err) {
  const auto failed = [&](const std::string& why) {
    err << "cluster status: " << why << '\n';
    return exit_failed;
  };
  const auto server = parse_url(url);
  if (!server) {
    err << "cluster status: " << server.error().text << '\n';
    return exit_usage;
  }
  client_options options;
  options.connect_timeout = std::chrono::seconds{3};
  options.answer_timeout = std::chrono::seconds{10};
  const auto answer = http_client{*server, options}.get("/cluster");
  if (!answer)
    return failed(answer.error().text);
  if (answer->status == 404)
    return failed(url + ": the node stands alone: it has no cluster.roles");
  if (answer->status != 200)
    return failed(fmt::format("{}: status {}", url, answer->status));
  if (as_json) {
    out << printable_json(answer->body);
    return exit_ok;
  }
  const auto text = cluster_tables(answer->body);
  if (!text)
    return failed(text.error().text);
  out << *text;
  // Whether the node is ready is on another page.
  const auto ready = http_client{*server, options}.get("/readyz");
  if (!ready)
    return failed(ready.error().text);
  try {
    out << '\n' << readiness_line(ready->body);
  } catch (const json::exception& e) {
    return failed(std::string{"/readyz: "} + e.what());
  }
  return exit_ok;
}

namespace {

void declare_status(CLI::App& parent, command_list& into) {
  struct state {
    config_arguments arguments;
    std::string url;
    bool json = false;
  };
  auto* command =
    parent.add_subcommand("status", "Members, links and what is in flight on them");
  auto s = std::make_shared<state>();
  add_config_arguments(*command, s->arguments, false);
  command
    ->add_option("--url", s->url,
                 "The operations listener of a node (default: the configuration's, or "
                 "else http://127.0.0.1:8081)")
    ->type_name("URL");
  command->add_flag("--json", s->json, "The page as the node sent it");
  command->footer("Any node of the cluster may be asked; it shows its own links.\n\n"
                  "Examples:\n"
                  "  weir cluster status --url http://127.0.0.1:8081\n"
                  "  weir cluster status -c configs/cluster/worker.yaml");
  into.commands.push_back(
    {command, [s] {
       const auto show = [&](const std::string& url) {
         return command_cluster_status(url, s->json, std::cout, std::cerr);
       };
       // A URL that was given wins over the configuration.
       if (!s->url.empty())
         return show(s->url);
       if (s->arguments.file.empty())
         return show("http://127.0.0.1:8081");
       return with_config(s->arguments, [&](const config& settings) {
         return show(operations_url(settings));
       });
     }});
}

} // namespace

void declare_cluster(CLI::App& app, command_list& into) {
  auto* cluster = app.add_subcommand("cluster", "Look at a cluster through one node");
  cluster->require_subcommand(1);
  cluster->footer("Example:\n  weir cluster status --url http://127.0.0.1:8081");
  declare_status(*cluster, into);
}

} // namespace weir
