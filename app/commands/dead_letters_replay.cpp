// Sends dead letters again as records of their streams.
#include "app/commands/dead_letters.hpp"
#include "app/commands/dead_letters_body.hpp"
#include "app/config/units.hpp"
#include "app/send/patient_post.hpp"

#include <algorithm>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace weir {
namespace {

constexpr size_t page_size = 1000;

/// What became of a record that was sent again.
struct verdict {
  enum class kind : uint8_t { stored, rejected, unknown };
  kind what = kind::unknown;
  std::string code; ///< the rejection's
  std::string why;  ///< empty: stored, or dropped on purpose
};

std::string text_of(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

/// The letter's own key, wherever the letter is stored: ids begin again in a new store,
/// and each node counts its own.
std::string key_of(const dead_letter& letter) {
  return fmt::format("dead-letter-{}-{}", letter.batch, letter.record);
}

/// A rejection with the one record's error, or with the problem as a whole.
verdict rejected(const nlohmann::json& json, const http_answer& answer) {
  const auto errors = json.find("errors");
  if (errors == json.end() || !errors->is_array() || errors->empty()
      || !errors->front().is_object())
    return {verdict::kind::rejected, "", problem_text(answer)};
  const auto& error = errors->front();
  const auto code = text_of(error, "code");
  const auto pointer = text_of(error, "pointer");
  return {verdict::kind::rejected, code,
          one_line(fmt::format("{}{}{} {}", code, pointer.empty() ? "" : " ", pointer,
                               text_of(error, "detail")))};
}

verdict verdict_of(const result<http_answer>& answer) {
  if (!answer)
    return {verdict::kind::unknown, "", answer.error().text};
  const auto json = nlohmann::json::parse(answer->body, nullptr, false);
  // A proxy may answer 200 as well: only an answer of weir's own counts.
  const bool ours = json.is_object() && json.contains("accepted");
  const auto none = [&json](const char* name) {
    return !json.contains(name) || json[name] == 0;
  };
  const auto some = [&json](const char* name) {
    return json.contains(name) && json[name].is_number_unsigned() && json[name] != 0;
  };
  if (ours && answer->status == 200 && none("rejected") && none("quarantined")
      && (some("accepted") || some("dropped")))
    return {verdict::kind::stored, "", ""};
  if (ours && answer->status == 200)
    return {verdict::kind::unknown, "", "not stored: " + one_line(answer->body, 256)};
  if (ours && answer->status == 422)
    return rejected(json, *answer);
  return {verdict::kind::unknown, "", problem_text(*answer)};
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
        // The other letters are sent all the same.
        ++totals_.failed;
        out_ << fmt::format("{}: there is no such dead letter\n", id);
      } else if (auto done = run_one(**letter); !done) {
        return tl::unexpected(done.error());
      }
    }
    return totals_;
  }

 private:
  /// Goes up to the letters there are now: one that is rejected again makes a new one after them.
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
        // This run has made it.
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
    const auto body = body_of(letter, options_);
    if (!body) {
      ++totals_.failed;
      out_ << fmt::format("{}: not sent: {}\n", letter.id, body.error().text);
      return {};
    }
    return account(letter, verdict_of(send(letter, *body)));
  }

  result<http_answer> send(const dead_letter& letter, const replay_body& body) {
    return post_(
      {"/ingest/" + letter.stream, body.content_type, key_of(letter), body.text},
      [this](std::chrono::milliseconds wait, const std::string& why) {
        out_ << fmt::format("waiting {}: {}\n", format_duration(wait), why);
      });
  }

  result<void> account(const dead_letter& letter, const verdict& what) {
    if (what.what == verdict::kind::stored) {
      ++totals_.replayed;
      out_ << fmt::format("{}: replayed\n", letter.id);
      return mark(letter);
    }
    ++totals_.failed;
    // The letter stays: its key makes another try safe.
    if (what.what == verdict::kind::unknown) {
      out_ << fmt::format("{}: {}\n", letter.id, what.why);
      return {};
    }
    const bool kept = kept_again(letter, what);
    out_ << fmt::format("{}: rejected again: {}; {}\n", letter.id, what.why,
                        kept ? "kept as a new letter"
                             : "its stream discards rejected records, so this letter "
                               "stays");
    return kept ? supersede(letter) : result<void>{};
  }

  /// True if the node has made a letter of it again, which takes this one's place:
  /// otherwise both would be replayed the next time, and the record be stored twice.
  bool kept_again(const dead_letter& letter, const verdict& what) const {
    return what.code == "quarantined" || options_.storing.contains(letter.stream);
  }

  /// The record was not stored, so this is no replay; the newer letter is tried next time.
  result<void> supersede(const dead_letter& letter) {
    return store_.mark_replayed(letter.id, -system_clock_source{}.unix_us());
  }

  result<void> mark(const dead_letter& letter) {
    return store_.mark_replayed(letter.id, system_clock_source{}.unix_us());
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
