// What pushing an order to N hosts and gathering their answers costs at least: the parts of it as
// bare library calls, measured one by one. Prints one JSON object; fleet_bench.sh adds them up.
//   fleet_floor AGENTS ORDER_BYTES RECEIPT_BYTES
//   fleet_floor dealer      what one process with one connection holds, for agent_bench.sh

#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "protocol/base/assert.h"

namespace {

constexpr int kRounds = 5;
constexpr int kSocketsPerProcess = 2500;
constexpr int kAgentsPerSource = 100;

double seconds() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto sum = [](timeval time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return sum(usage.ru_utime) + sum(usage.ru_stime);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Microseconds of one piece of work by `clock`; the best of some turns, noise only adds.
template <class Work>
double microseconds_each(double (*clock)(), int count, const Work& work) {
  double best = 1e9;
  for (int round = 0; round < kRounds; ++round) {
    const double start = clock();
    for (int i = 0; i < count; ++i) work();
    best = std::min(best, (clock() - start) / count);
  }
  return best * 1e6;
}

struct Keys {
  std::array<char, 41> pub{}, secret{};
  Keys() { FS_ASSERT(zmq_curve_keypair(pub.data(), secret.data()) == 0); }
};

void set(void* socket, int option, int value) {
  FS_ASSERT(zmq_setsockopt(socket, option, &value, sizeof value) == 0);
}

// One process of hosts: connects, answers each message with as many bytes as it is told, and writes
// to `out` what a round cost.
void be_hosts(int first, int count, const std::string& endpoint, const Keys& server,
              std::size_t receipt_bytes, int out) {
  void* context = zmq_ctx_new();
  zmq_ctx_set(context, ZMQ_MAX_SOCKETS, count + 16);
  std::vector<void*> sockets;
  std::vector<pollfd> polled;
  for (int i = 0; i < count; ++i) {
    const Keys keys;
    void* socket = zmq_socket(context, ZMQ_DEALER);
    FS_ASSERT(socket);
    zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server.pub.data(), 41);
    zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, keys.pub.data(), 41);
    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys.secret.data(), 41);
    set(socket, ZMQ_LINGER, 0);
    set(socket, ZMQ_HANDSHAKE_IVL, 240'000);
    const std::string from = "tcp://127.0.2." + std::to_string(1 + (first + i) / kAgentsPerSource) +
                             ":0;" + endpoint.substr(6);
    FS_ASSERT(zmq_connect(socket, from.c_str()) == 0);
    FS_ASSERT(zmq_send(socket, "hello", 5, 0) == 5);
    pollfd one{-1, POLLIN, 0};
    std::size_t size = sizeof one.fd;
    zmq_getsockopt(socket, ZMQ_FD, &one.fd, &size);
    sockets.push_back(socket);
    // Their descriptors are silent until they were found empty once, so the first pass asks all.
    one.revents = POLLIN;
    polled.push_back(one);
  }
  const std::string receipt(receipt_bytes, 'r');
  std::vector<char> buffer(1 << 17);
  int answered = 0;
  double before = 0;
  do {
    for (std::size_t i = 0; i < sockets.size(); ++i) {
      if (!(polled[i].revents & POLLIN)) continue;
      while (zmq_recv(sockets[i], buffer.data(), buffer.size(), ZMQ_DONTWAIT) >= 0) {
        if (answered++ == 0) before = cpu_seconds();
        zmq_send(sockets[i], receipt.data(), receipt.size(), 0);
      }
    }
    if (answered < count) continue;
    answered = 0;
    const double used = cpu_seconds() - before;
    FS_ASSERT(write(out, &used, sizeof used) == sizeof used);
  } while (poll(polled.data(), polled.size(), -1) > 0);
}

// Of /proc/PID/smaps_rollup, KiB.
double memory_kib(const std::string& pid, const std::string& field) {
  std::ifstream file("/proc/" + pid + "/smaps_rollup");
  for (std::string word; file >> word;)
    if (double value = 0; word == field + ":" && file >> value) return value;
  FS_ASSERT(!"no smaps_rollup");
  return 0;
}

// Says yes to whoever asks, until the context ends. A connection that is authenticated holds more
// than one that is not.
void let_everybody_in(void* socket) {
  while (true) {
    std::vector<std::string> frames;
    int more = 1;
    for (std::size_t size = sizeof more; more;) {
      std::array<char, 256> frame{};
      const int got = zmq_recv(socket, frame.data(), frame.size(), 0);
      if (got < 0) {
        FS_ASSERT(errno == ETERM);
        zmq_close(socket);
        return;
      }
      frames.emplace_back(frame.data(), static_cast<std::size_t>(got));
      zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size);
    }
    const std::array<std::string, 6> answer{"1.0", frames.at(1), "200", "OK", "host", ""};
    for (std::size_t i = 0; i < answer.size(); ++i)
      zmq_send(socket, answer[i].data(), answer[i].size(), i + 1 < answer.size() ? ZMQ_SNDMORE : 0);
  }
}

// A CURVE server on a port of its own.
struct Edge {
  explicit Edge(const Keys& keys) {
    void* zap = zmq_socket(context, ZMQ_REP);
    FS_ASSERT(zmq_bind(zap, "inproc://zeromq.zap.01") == 0);
    door = std::thread(let_everybody_in, zap);
    router = zmq_socket(context, ZMQ_ROUTER);
    set(router, ZMQ_CURVE_SERVER, 1);
    zmq_setsockopt(router, ZMQ_CURVE_SECRETKEY, keys.secret.data(), 41);
    zmq_setsockopt(router, ZMQ_ZAP_DOMAIN, "floor", 5);
    set(router, ZMQ_BACKLOG, 4096);
    set(router, ZMQ_HANDSHAKE_IVL, 240'000);
    set(router, ZMQ_ROUTER_MANDATORY, 1);
    set(router, ZMQ_LINGER, 0);
    FS_ASSERT(zmq_bind(router, "tcp://127.0.0.1:*") == 0);
    std::size_t size = endpoint.size();
    zmq_getsockopt(router, ZMQ_LAST_ENDPOINT, endpoint.data(), &size);
  }
  ~Edge() {
    zmq_close(router);
    zmq_ctx_term(context);
    door.join();
  }
  // The sender of the next message.
  std::string receive() {
    const int id = zmq_recv(router, buffer.data(), buffer.size(), 0);
    FS_ASSERT(id > 0);
    std::string peer(buffer.data(), static_cast<std::size_t>(id));
    FS_ASSERT(zmq_recv(router, buffer.data(), buffer.size(), 0) >= 0);
    return peer;
  }

  void* context = zmq_ctx_new();
  void* router = nullptr;
  std::thread door;
  std::array<char, 256> endpoint{};
  std::vector<char> buffer = std::vector<char>(1 << 17);
};

struct Transport {
  double edge_us = 0, host_us = 0, wall_ms = 0, connection_kib = 0;
};

// One message to each of N live CURVE connections, one answer from each.
Transport measure_transport(int agents, std::size_t order_bytes, std::size_t receipt_bytes) {
  const Keys server;
  int ports[2], ends[2];
  FS_ASSERT(pipe(ports) == 0 && pipe(ends) == 0);
  std::vector<pid_t> children;
  for (int first = 0; first < agents; first += kSocketsPerProcess) {
    const pid_t pid = fork();
    FS_ASSERT(pid >= 0);
    if (pid == 0) {
      std::array<char, 256> endpoint{};
      FS_ASSERT(read(ports[0], endpoint.data(), endpoint.size()) > 0);
      be_hosts(first, std::min(kSocketsPerProcess, agents - first), endpoint.data(), server,
               receipt_bytes, ends[1]);
      _exit(0);
    }
    children.push_back(pid);
  }
  Edge edge(server);
  const double alone_kib = memory_kib("self", "Rss");
  for (std::size_t i = 0; i < children.size(); ++i)
    FS_ASSERT(write(ports[1], edge.endpoint.data(), edge.endpoint.size()) > 0);
  std::vector<std::string> peers;
  for (int i = 0; i < agents; ++i) peers.push_back(edge.receive());
  const double connection_kib = (memory_kib("self", "Rss") - alone_kib) / agents;

  std::vector<double> edges, hosts, wall;
  for (int round = 0; round < kRounds; ++round) {
    zmq_msg_t order;
    zmq_msg_init_size(&order, order_bytes);
    std::memset(zmq_msg_data(&order), 'o', order_bytes);
    const double start = seconds(), cpu = cpu_seconds();
    for (const std::string& peer : peers) {
      zmq_send(edge.router, peer.data(), peer.size(), ZMQ_SNDMORE);
      zmq_msg_t copy;
      zmq_msg_init(&copy);
      zmq_msg_copy(&copy, &order);
      zmq_msg_send(&copy, edge.router, 0);
    }
    for (int i = 0; i < agents; ++i) edge.receive();
    wall.push_back(seconds() - start);
    edges.push_back(cpu_seconds() - cpu);
    zmq_msg_close(&order);
    double used = 0, one = 0;
    for (std::size_t i = 0; i < children.size(); ++i) {
      FS_ASSERT(read(ends[0], &one, sizeof one) == sizeof one);
      used += one;
    }
    hosts.push_back(used);
  }
  for (const pid_t child : children) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
  return {median(edges) * 1e6 / agents, median(hosts) * 1e6 / agents, median(wall) * 1e3,
          connection_kib};
}

// Rows of a receipt and the newest state of its host, 1,000 in a transaction, synchronous=FULL.
double measure_store(std::size_t receipt_bytes) {
  constexpr int kRows = 1000;
  const char* temporary = std::getenv("TMPDIR");
  std::string folder = std::string(temporary ? temporary : "/tmp") + "/fleet_floor.XXXXXX";
  FS_ASSERT(mkdtemp(folder.data()));
  const std::string path = folder + "/floor.db";
  sqlite3* db = nullptr;
  FS_ASSERT(sqlite3_open(path.c_str(), &db) == SQLITE_OK);
  const auto run = [&](const char* sql) {
    FS_ASSERT(sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
  };
  run("PRAGMA journal_mode=WAL");
  run("PRAGMA synchronous=FULL");
  run("CREATE TABLE receipts(host INTEGER, seq INTEGER, envelope BLOB, PRIMARY KEY(host, seq)) "
      "WITHOUT ROWID");
  run("CREATE TABLE hosts(host INTEGER PRIMARY KEY, seq INTEGER, state INTEGER)");
  sqlite3_stmt *insert = nullptr, *upsert = nullptr;
  sqlite3_prepare_v2(db, "INSERT INTO receipts VALUES(?, ?, ?)", -1, &insert, nullptr);
  sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO hosts VALUES(?, ?, 3)", -1, &upsert, nullptr);
  const std::string receipt(receipt_bytes, 'r');
  int seq = 0;
  const double each = microseconds_each(seconds, 1, [&] {
    ++seq;
    run("BEGIN");
    for (int host = 1; host <= kRows; ++host) {
      for (sqlite3_stmt* statement : {insert, upsert}) {
        sqlite3_bind_int(statement, 1, host);
        sqlite3_bind_int(statement, 2, seq);
      }
      sqlite3_bind_blob(insert, 3, receipt.data(), static_cast<int>(receipt.size()), SQLITE_STATIC);
      for (sqlite3_stmt* statement : {insert, upsert}) {
        FS_ASSERT(sqlite3_step(statement) == SQLITE_DONE);
        sqlite3_reset(statement);
      }
    }
    run("COMMIT");
  });
  sqlite3_finalize(insert);
  sqlite3_finalize(upsert);
  sqlite3_close(db);
  for (const char* suffix : {"", "-wal", "-shm"}) unlink((path + suffix).c_str());
  rmdir(folder.c_str());
  return each / kRows;
}

int run(int agents, std::size_t order_bytes, std::size_t receipt_bytes) {
  // First: its children must not inherit anybody's threads.
  const Transport transport = measure_transport(agents, order_bytes, receipt_bytes);
  FS_ASSERT(sodium_init() >= 0);
  unsigned char pub[32], secret[64], signature[64];
  crypto_sign_keypair(pub, secret);
  const std::vector<unsigned char> message(receipt_bytes, 'm');
  const double sign = microseconds_each(cpu_seconds, 1000, [&] {
    crypto_sign_detached(signature, nullptr, message.data(), message.size(), secret);
  });
  const double verify = microseconds_each(cpu_seconds, 1000, [&] {
    FS_ASSERT(crypto_sign_verify_detached(signature, message.data(), message.size(), pub) == 0);
  });
  const double store = measure_store(receipt_bytes);
  std::printf(
      "{\"push_edge_us\": %.1f, \"push_host_us\": %.1f, \"push_wall_ms\": %.0f, \"sign_us\": %.1f, "
      "\"verify_us\": %.1f, \"store_us\": %.1f, \"connection_kib\": %.1f}\n",
      transport.edge_us, transport.host_us, transport.wall_ms, sign, verify, store,
      transport.connection_kib);
  return 0;
}

// The least that an agent's connection needs: a process of its own with one DEALER, connected.
int be_dealer(const char* endpoint, const char* server_key) {
  const Keys keys;
  void* context = zmq_ctx_new();
  void* socket = zmq_socket(context, ZMQ_DEALER);
  zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_key, 41);
  zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, keys.pub.data(), 41);
  zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys.secret.data(), 41);
  FS_ASSERT(zmq_connect(socket, endpoint) == 0);
  FS_ASSERT(zmq_send(socket, "hello", 5, 0) == 5);
  char nothing = 0;
  zmq_recv(socket, &nothing, 1, 0);
  return 0;
}

int measure_dealer(const char* program) {
  const Keys server;
  Edge edge(server);
  const pid_t child = fork();
  FS_ASSERT(child >= 0);
  if (child == 0) {
    execl(program, program, "dealer", edge.endpoint.data(), server.pub.data(), nullptr);
    _exit(127);
  }
  edge.receive();
  const std::string pid = std::to_string(child);
  std::printf("{\"pss_kib\": %.0f, \"rss_kib\": %.0f}\n", memory_kib(pid, "Pss"),
              memory_kib(pid, "Rss"));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "dealer") == 0) return measure_dealer("/proc/self/exe");
  if (argc == 4 && std::strcmp(argv[1], "dealer") == 0) return be_dealer(argv[2], argv[3]);
  if (argc != 4) {
    std::fprintf(stderr,
                 "usage: fleet_floor AGENTS ORDER_BYTES RECEIPT_BYTES | fleet_floor dealer\n");
    return 2;
  }
  return run(std::atoi(argv[1]), static_cast<std::size_t>(std::atoi(argv[2])),
             static_cast<std::size_t>(std::atoi(argv[3])));
}
