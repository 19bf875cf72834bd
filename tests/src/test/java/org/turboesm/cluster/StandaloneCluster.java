package org.turboesm.cluster;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A Spark standalone cluster on this machine's loopback: a master and workers, each a process.
 * Whatever happens, closing it, or the end of this JVM, ends them and the executors they started.
 */
final class StandaloneCluster implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private final SparkInstallation spark;
  private final Path folder;
  private final int workers;
  private final List<String> workerOptions;
  private final int port;
  private final List<Process> processes = new ArrayList<>();
  private final Thread atExit = new Thread(this::killAll);

  private StandaloneCluster(
      SparkInstallation spark, Path folder, int workers, List<String> workerOptions, int port) {
    this.spark = spark;
    this.folder = folder;
    this.workers = workers;
    this.workerOptions = workerOptions;
    this.port = port;
  }

  /** Starts workers of one core each. */
  static StandaloneCluster start(SparkInstallation spark, Path folder, int workers)
      throws IOException, InterruptedException {
    return start(spark, folder, workers, List.of("--cores", "1"));
  }

  /**
   * @param folder for logs and the workers' files
   * @param workerOptions of each worker's command line
   */
  static StandaloneCluster start(
      SparkInstallation spark, Path folder, int workers, List<String> workerOptions)
      throws IOException, InterruptedException {
    StandaloneCluster cluster =
        new StandaloneCluster(spark, folder, workers, workerOptions, freePort());
    Runtime.getRuntime().addShutdownHook(cluster.atExit);
    try {
      cluster.startProcesses();
      return cluster;
    } catch (IOException | InterruptedException | RuntimeException | Error e) {
      cluster.close();
      throw e;
    }
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    }
  }

  private void startProcesses() throws IOException, InterruptedException {
    Files.createDirectories(folder);
    processes.add(
        spark.start(
            "org.apache.spark.deploy.master.Master",
            "256m",
            log("master"),
            List.of("--host", "127.0.0.1", "--port", String.valueOf(port), "--webui-port", "0")));
    awaitMaster();
    for (int i = 0; i < workers; i++) {
      List<String> arguments =
          new ArrayList<>(
              List.of(
                  "--host",
                  "127.0.0.1",
                  "--webui-port",
                  "0",
                  "--memory",
                  "1g",
                  "--work-dir",
                  workFolder(i).toString()));
      arguments.addAll(workerOptions);
      arguments.add(master());
      processes.add(
          spark.start(
              "org.apache.spark.deploy.worker.Worker", "256m", log("worker" + i), arguments));
    }
  }

  private void awaitMaster() throws IOException, InterruptedException {
    Instant deadline = Instant.now().plus(PATIENCE);
    while (true) {
      try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
        return;
      } catch (IOException e) {
        if (!processes.get(0).isAlive() || Instant.now().isAfter(deadline)) {
          throw new IllegalStateException(
              "the master does not answer: " + Files.readString(log("master")), e);
        }
        Thread.sleep(100);
      }
    }
  }

  /** The master's URL. */
  String master() {
    return "spark://127.0.0.1:" + port;
  }

  Path log(String name) {
    return folder.resolve(name + ".log");
  }

  private Path workFolder(int worker) {
    return folder.resolve("work" + worker);
  }

  /** What the executors of one worker have logged. */
  String executorLogs(int worker) throws IOException {
    return String.join("", logsOfExecutors(worker));
  }

  /** The same, of each. */
  List<String> logsOfExecutors(int worker) throws IOException {
    List<String> logs = new ArrayList<>();
    try (Stream<Path> files = Files.walk(workFolder(worker))) {
      for (Path file : files.filter(path -> path.endsWith("stderr")).toList()) {
        logs.add(Files.readString(file));
      }
    }
    return logs;
  }

  /**
   * Runs a jar's program with its driver in a process of its own.
   *
   * @return its exit status
   */
  int submit(String name, List<String> options, Path jar, List<String> arguments, Duration limit)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("--master", master()));
    command.addAll(options);
    command.add(jar.toString());
    command.addAll(arguments);
    Process driver = spark.start("org.apache.spark.deploy.SparkSubmit", "1g", log(name), command);
    processes.add(driver);
    if (!driver.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
      throw new IllegalStateException(
          name + " did not end within " + limit + ": " + Files.readString(log(name)));
    }
    return driver.exitValue();
  }

  /** The processes started, and theirs. */
  private List<ProcessHandle> all() {
    return processes.stream()
        .map(Process::toHandle)
        .flatMap(process -> Stream.concat(Stream.of(process), process.descendants()))
        .toList();
  }

  private List<ProcessHandle> killAll() {
    List<ProcessHandle> handles = all();
    handles.forEach(ProcessHandle::destroyForcibly);
    return handles;
  }

  @Override
  public void close() {
    List<ProcessHandle> killed = killAll();
    killed.forEach(process -> process.onExit().orTimeout(20, TimeUnit.SECONDS).join());
    Runtime.getRuntime().removeShutdownHook(atExit);
  }
}
