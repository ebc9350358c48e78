// Sends dead letters again as records of their streams.
#include "app/command_dead_letters.hpp"

#include "app/patient_post.hpp"
#include "app/units.hpp"

#include <algorithm>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace weir {
namespace {

constexpr size_t page_size = 1000;

/// A letter's body is the record as it came to the stage that refused it: one JSON
/// object, a line of text, or a row of CSV whose header the operator has to know.
struct replay_body {
  std::string_view content_type;
  std::string text;
};

replay_body body_of(const dead_letter& letter, const std::string& csv_header) {
  const auto first = letter.body.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && letter.body[first] == '{')
    return {content_type_of(body_format::json), letter.body};
  if (!csv_header.empty())
    return {content_type_of(body_format::csv), csv_header + "\r\n" + letter.body};
  return {content_type_of(body_format::text), letter.body};
}

/// The letter's own, wherever it is stored: ids begin again in a new store, and each node counts
/// its own.
std::string key_of(const dead_letter& letter) {
  return fmt::format("dead-letter-{}-{}", letter.batch, letter.record);
}

/// Empty when every record of the body was stored (or dropped on purpose), else why not.
std::string refusal(const result<http_answer>& answer) {
  if (!answer)
    return answer.error().text;
  if (answer->status == 202)
    return {};
  const auto json = nlohmann::json::parse(answer->body, nullptr, false);
  const auto none = [&json](const char* name) {
    return !json.contains(name) || json[name] == 0;
  };
  if (answer->status == 200 && json.is_object() && json.contains("accepted")
      && none("rejected") && none("quarantined"))
    return {};
  if (json.is_object() && json.contains("errors") && json["errors"].is_array()
      && !json["errors"].empty() && json["errors"][0].is_object()) {
    const auto& error = json["errors"][0];
    const auto text = [&error](const char* name) {
      return error.contains(name) && error[name].is_string()
               ? error[name].get<std::string>()
               : "";
    };
    return one_line(fmt::format("rejected again: {} {} {}", text("code"), text("pointer"),
                                text("detail")));
  }
  return problem_text(*answer);
}

class replayer {
 public:
  replayer(dead_letter_store& store, const dead_letters_options& options,
           patient_post& post, std::ostream& out)
    : store_(store), options_(options), post_(post), out_(out) {}

  result<replay_totals> run() {
    if (options_.all)
      return run_all();
    for (const auto id : options_.ids) {
      auto letter = store_.get(id);
      if (!letter)
        return tl::unexpected(letter.error());
      if (!*letter) {
        ++totals_.failed;
        out_ << fmt::format("{}: there is no such dead letter\n", id);
      } else if (auto done = run_one(**letter); !done) {
        return tl::unexpected(done.error());
      }
    }
    return totals_;
  }

 private:
  /// Up to the letters there are now: one that is rejected again makes a new one behind
  /// them.
  result<replay_totals> run_all() {
    dead_letter_query query;
    query.stream = options_.stream;
    query.limit = page_size;
    const auto newest = newest_id(query);
    if (!newest)
      return tl::unexpected(newest.error());
    for (;;) {
      query.bodies = true;
      auto letters = store_.list(query);
      if (!letters)
        return tl::unexpected(letters.error());
      for (const auto& letter : *letters) {
        if (letter.id > *newest)
          return totals_;
        if (auto done = letter.replayed_at_us == 0 ? run_one(letter) : result<void>{};
            !done)
          return tl::unexpected(done.error());
      }
      if (letters->empty())
        return totals_;
      query.after = letters->back().id;
    }
  }

  result<uint64_t> newest_id(dead_letter_query query) {
    for (uint64_t newest = 0;; query.after = newest) {
      const auto letters = store_.list(query);
      if (!letters)
        return tl::unexpected(letters.error());
      if (letters->empty())
        return newest;
      newest = letters->back().id;
    }
  }

  result<void> run_one(const dead_letter& letter) {
    const auto body = body_of(letter, options_.csv_header);
    const auto answer =
      post_({"/ingest/" + letter.stream, body.content_type, key_of(letter), body.text},
            [this](std::chrono::milliseconds wait, const std::string& why) {
              out_ << fmt::format("waiting {}: {}\n", format_duration(wait), why);
            });
    const auto why = refusal(answer);
    out_ << fmt::format("{}: {}\n", letter.id, why.empty() ? "replayed" : why);
    ++(why.empty() ? totals_.replayed : totals_.failed);
    return why.empty() ? store_.mark_replayed(letter.id, system_clock_source{}.unix_us())
                       : result<void>{};
  }

  dead_letter_store& store_;
  const dead_letters_options& options_;
  patient_post& post_;
  std::ostream& out_;
  replay_totals totals_;
};

} // namespace

result<replay_totals> replay(dead_letter_store& store,
                             const dead_letters_options& options, patient_post& post,
                             std::ostream& out) {
  return replayer{store, options, post, out}.run();
}

} // namespace weir
