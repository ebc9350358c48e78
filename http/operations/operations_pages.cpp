#include "http/operations/operations_pages.hpp"

#include "base/printable.hpp"
#include "http/wire/answer.hpp"
#include "http/wire/problem.hpp"

#include <nlohmann/json.hpp>

#include <cmath>
#include <utility>

namespace weir {

namespace {

using json = nlohmann::ordered_json;

/// Dead letters hold bytes as they came: what is not UTF-8 is shown as U+FFFD.
std::string dump(const json& page) {
  return page.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

double rounded(double value) {
  return std::round(value * 1000) / 1000;
}

json actor_entry(const actor_view& a) {
  json entry{{"id", a.id},
             {"parent", a.parent},
             {"role", a.role},
             {"kind", a.kind},
             {"state", a.state},
             {"uptime_seconds", rounded(a.uptime_seconds)},
             {"restarts_total", a.restarts_total}};
  if (a.kind == "supervisor")
    entry["children"] = {{"strategy", a.strategy},
                         {"restarts_in_window", a.restarts_in_window},
                         {"restarts_max", a.restarts_max},
                         {"window_seconds", rounded(a.window_seconds)}};
  entry["last_crash"] = a.last_crash.empty() ? json(nullptr) : json(a.last_crash);
  entry["records_per_second"] = rounded(a.records_per_second);
  if (a.queue_depth >= 0)
    entry["queue_depth"] = a.queue_depth;
  if (a.credit >= 0)
    entry["credit"] = a.credit;
  return entry;
}

json member_entry(const member_view& m) {
  auto roles = json::array();
  if (m.card.roles.gateway)
    roles.push_back("gateway");
  if (m.card.roles.worker)
    roles.push_back("worker");
  if (m.card.roles.persister)
    roles.push_back("persister");
  return {{"node", m.card.name},
          {"state", m.state},
          {"roles", std::move(roles)},
          {"address", m.card.address},
          {"started_at", m.card.started_at_us}};
}

json flow_entry(const flow_view& flow) {
  return {{"batches", flow.used.batches},
          {"batches_max", flow.window.batches},
          {"bytes", flow.used.bytes},
          {"bytes_max", flow.window.bytes}};
}

json link_entry(const link_view& link) {
  json entry{{"peer", link.peer},
             {"up", link.up},
             {"round_trip_ms", rounded(link.round_trip_seconds * 1e3)}};
  for (const auto flow : all_flows) {
    const auto index = index_of(flow);
    entry[std::string{to_string(flow)}] = {{"sent", flow_entry(link.out[index])},
                                           {"received", flow_entry(link.in[index])}};
  }
  entry["batches_sent_total"] = link.batches_sent;
  entry["batches_received_total"] = link.batches_received;
  entry["bytes_sent_total"] = link.bytes_sent;
  entry["bytes_received_total"] = link.bytes_received;
  entry["resends_total"] = link.resends;
  entry["losses_total"] = link.losses;
  return entry;
}

json letter_entry(dead_letter letter, bool body) {
  json entry{{"id", letter.id},
             {"stream", letter.stream},
             {"received_at", letter.received_at_us},
             {"batch", letter.batch},
             {"record", letter.record},
             {"line", letter.line},
             {"code", letter.code},
             {"pointer", letter.pointer},
             {"detail", letter.detail}};
  if (body)
    entry["body"] = std::move(letter.body);
  const auto sent_at_us = letter.replayed_at_us;
  entry["replayed_at"] = sent_at_us > 0 ? json(sent_at_us) : json(nullptr);
  // Negative: a newer letter took this one's place then.
  if (sent_at_us < 0)
    entry["superseded_at"] = -sent_at_us;
  return entry;
}

} // namespace

std::string actors_page(const std::vector<actor_view>& actors) {
  auto list = json::array();
  for (const auto& a : actors)
    list.push_back(actor_entry(a));
  return dump({{"actors", std::move(list)}});
}

std::string cluster_page(const cluster_snapshot& cluster) {
  auto members = json::array();
  for (const auto& member : cluster.members)
    members.push_back(member_entry(member));
  auto links = json::array();
  for (const auto& link : cluster.links)
    links.push_back(link_entry(link));
  return dump({{"node", cluster.node},
               {"members", std::move(members)},
               {"links", std::move(links)}});
}

std::string queues_page(const std::vector<queue_gauge*>& queues) {
  auto list = json::array();
  for (const auto* q : queues)
    list.push_back({{"queue", q->name},
                    {"unit", q->said.unit},
                    {"depth", q->depth.load()},
                    {"capacity", q->capacity.load()},
                    {"bounded_by", q->said.bound},
                    {"who_blocks", q->said.who_blocks},
                    {"acceptable", q->said.acceptable},
                    {"failure_mode", q->said.failure_mode}});
  return dump({{"queues", std::move(list)}});
}

/// Renders letter by letter: the page as one document would be in memory several times.
std::string dead_letters_page(std::vector<dead_letter> letters, bool bodies) {
  const auto last = letters.empty() ? json(nullptr) : json(letters.back().id);
  std::string page = R"({"dead_letters":[)";
  for (auto& letter : letters) {
    if (page.back() != '[')
      page += ',';
    page += printable_json(dump(letter_entry(std::exchange(letter, {}), bodies)));
  }
  return page += R"(],"next_after":)" + dump(last) + "}\n";
}

std::string dead_letter_page(const dead_letter& letter) {
  return printable_json(dump(letter_entry(letter, true)));
}

std::string problem_page(int status, std::string_view code, std::string_view detail) {
  return dump({{"type", std::string{problem_type_prefix}.append(code)},
               {"title", reason_phrase(status)},
               {"status", status},
               {"detail", detail},
               {"code", code}});
}

} // namespace weir
