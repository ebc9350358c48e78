#include "app/commands/dead_letters.hpp"

#include "app/commands/send.hpp"
#include "app/config/units.hpp"
#include "app/send/server_post.hpp"
#include "base/exit_code.hpp"
#include "base/printable.hpp"

#include <algorithm>
#include <filesystem>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace weir {
namespace {

int failed(std::ostream& err, const fault& why) {
  err << why.text << '\n';
  return exit_failed;
}

nlohmann::ordered_json to_json(const dead_letter& letter, bool with_body) {
  nlohmann::ordered_json json{
    {"id", letter.id},
    {"stream", letter.stream},
    {"received_at", format_rfc3339_us(letter.received_at_us)},
    {"batch", letter.batch},
    {"record", letter.record}, // the store counts from 1, as answers do
    {"line", letter.line},
    {"code", letter.code},
    {"pointer", letter.pointer},
    {"detail", letter.detail}};
  if (letter.replayed_at_us > 0)
    json["replayed_at"] = format_rfc3339_us(letter.replayed_at_us);
  if (letter.replayed_at_us < 0)
    json["superseded_at"] = format_rfc3339_us(-letter.replayed_at_us);
  if (with_body)
    json["body"] = letter.body;
  return json;
}

/// Bodies need not be UTF-8: invalid bytes become U+FFFD.
std::string dump(const nlohmann::ordered_json& json, int indent) {
  return printable_json(
    json.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

void print_line(const dead_letter& letter, std::ostream& out) {
  out << fmt::format(
    "{:>8}  {}  {:<16} {:<18} {}{}{}{}\n", letter.id,
    format_rfc3339_us(letter.received_at_us), one_line(letter.stream, 64),
    one_line(letter.code, 64), one_line(letter.pointer, 128),
    letter.pointer.empty() ? "" : " ", one_line(letter.detail, 256),
    letter.replayed_at_us > 0   ? " (replayed)"
    : letter.replayed_at_us < 0 ? " (rejected again: a newer letter has it)"
                                : "");
}

/// Said to a user who asked for a list and would see nothing.
std::string no_letters(const dead_letters_options& options) {
  std::string text = "there are no dead letters";
  if (!options.stream.empty())
    text += " of stream " + in_quotes(options.stream);
  if (options.after != 0)
    text += fmt::format(" after {}", options.after);
  if (options.before_us != 0)
    text += " from before " + format_rfc3339_us(options.before_us);
  return text;
}

} // namespace

int command_dead_letters_list(const config& settings, const dead_letters_options& options,
                              std::ostream& out, std::ostream& err) {
  const auto store = dead_letter_store::open_read_only(settings.dead_letters);
  if (!store)
    return failed(err, store.error());
  dead_letter_query query;
  query.stream = options.stream;
  query.after = options.after;
  query.limit = options.limit;
  query.bodies = options.json;
  // In pages: bodies may be large.
  while (query.limit > 0) {
    const auto letters = (*store)->list(query);
    if (!letters)
      return failed(err, letters.error());
    for (const auto& letter : *letters)
      if (options.json)
        out << dump(to_json(letter, true), -1) << '\n';
      else
        print_line(letter, out);
    if (letters->empty())
      break;
    query.limit -= letters->size();
    query.after = letters->back().id;
  }
  if (query.limit == 0)
    err << fmt::format("there may be more: --after {}\n", query.after);
  else if (query.limit == options.limit)
    err << settings.dead_letters.path << ": " << no_letters(options) << '\n';
  return exit_ok;
}

int command_dead_letters_show(const config& settings, const dead_letters_options& options,
                              std::ostream& out, std::ostream& err) {
  const auto store = dead_letter_store::open_read_only(settings.dead_letters);
  if (!store)
    return failed(err, store.error());
  int code = exit_ok;
  for (const auto id : options.ids) {
    const auto letter = (*store)->get(id);
    if (!letter)
      return failed(err, letter.error());
    if (*letter) {
      out << dump(to_json(**letter, true), 2) << '\n';
    } else {
      // The other letters are shown all the same.
      err << fmt::format("{}: there is no dead letter {}\n", settings.dead_letters.path,
                         id);
      code = exit_failed;
    }
  }
  return code;
}

int command_dead_letters_delete(const config& settings,
                                const dead_letters_options& options, std::ostream& out,
                                std::ostream& err) {
  std::error_code unknown;
  if (!std::filesystem::exists(settings.dead_letters.path, unknown)) {
    err << settings.dead_letters.path << ": there is no such file, so "
        << no_letters(options) << '\n';
    return exit_ok;
  }
  const auto store = dead_letter_store::open(settings.dead_letters);
  if (!store)
    return failed(err, store.error());
  dead_letter_choice which{options.ids, options.stream, options.before_us};
  // An id that is given twice must not count as missing.
  std::sort(which.ids.begin(), which.ids.end());
  which.ids.erase(std::unique(which.ids.begin(), which.ids.end()), which.ids.end());
  const auto deleted = (*store)->remove(which);
  if (!deleted)
    return failed(err, deleted.error());
  const bool missing = *deleted < which.ids.size();
  if (*deleted == 0 && which.ids.empty())
    err << settings.dead_letters.path << ": " << no_letters(options) << '\n';
  else if (missing)
    err << fmt::format("{}: there are no others of these ids\n",
                       settings.dead_letters.path);
  out << fmt::format("{} deleted\n", *deleted) << std::flush;
  return missing ? exit_failed : exit_ok;
}

int command_dead_letters_replay(const config& settings,
                                const dead_letters_options& options, std::ostream& out,
                                std::ostream& err) {
  auto server = options.server;
  if (server.url.empty())
    server.url = ingest_url(settings);
  auto post = post_to_server(server);
  if (!post) {
    err << post.error().text << '\n';
    return post.error().code == ec::io_failed ? exit_failed : exit_usage;
  }
  const auto store = dead_letter_store::open(settings.dead_letters);
  if (!store)
    return failed(err, store.error());
  auto with = options;
  // Letters of these streams come back as new ones when they are rejected again.
  for (const auto& [name, stream] : settings.streams)
    if (stream.settings.dead_letters == dead_letter_policy::store)
      with.storing.insert(name);
  const auto totals = replay(**store, with, *post, out);
  if (!totals)
    return failed(err, totals.error());
  if (totals->replayed + totals->failed == 0 && !options.stream.empty()
      && !settings.streams.contains(options.stream)) {
    err << fmt::format(
      "--stream: {}: there is no such stream in {}, and no letter of it\n",
      in_quotes(options.stream), settings.file);
    return exit_failed;
  }
  if (totals->replayed + totals->failed == 0)
    err << settings.dead_letters.path << ": " << no_letters(options)
        << " that were not replayed yet\n";
  out << fmt::format("{} replayed, {} not\n", totals->replayed, totals->failed)
      << std::flush;
  return totals->failed == 0 ? exit_ok : exit_failed;
}

} // namespace weir
