package org.turboesm.cluster;

import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * What a Spark distribution is to its programs, made of the Maven class path: a home with a folder
 * of jars, and a way to start programs.
 */
final class SparkInstallation {
  private static final String LOOPBACK = "127.0.0.1";

  private final Path home;

  private SparkInstallation(Path home) {
    this.home = home;
  }

  /**
   * @param home is made, with links to the jars
   * @param classpathFile lists the jars, as Maven's build-classpath writes them
   */
  static SparkInstallation make(Path home, Path classpathFile) throws IOException {
    Path jars = Files.createDirectories(home.resolve("jars"));
    for (String jar : Files.readString(classpathFile).strip().split(File.pathSeparator)) {
      Path file = Path.of(jar);
      Files.createSymbolicLink(jars.resolve(file.getFileName()), file);
    }
    return new SparkInstallation(home);
  }

  /**
   * Starts a program of Spark's.
   *
   * @param heap as of java's -Xmx
   * @param log where both of its streams go
   */
  Process start(String mainClass, String heap, Path log, List<String> arguments)
      throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-Xmx" + heap);
    // Short lives: the second compiler would take more time than it saves. Executors have it.
    command.add("-XX:TieredStopAtLevel=1");
    // This JVM was started with the options that Spark's programs need.
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(option -> option.startsWith("--") || option.startsWith("-XX:+IgnoreUnrecognized"))
        .forEach(command::add);
    command.addAll(List.of("-cp", home.resolve("jars") + "/*", mainClass));
    command.addAll(arguments);
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
    Map<String, String> environment = builder.environment();
    environment.keySet().removeIf(name -> name.startsWith("SPARK_") || name.startsWith("HADOOP_"));
    environment.put("SPARK_HOME", home.toString());
    environment.put("SPARK_SCALA_VERSION", "2.13");
    environment.put("SPARK_LOCAL_IP", LOOPBACK);
    environment.put("SPARK_LOCAL_DIRS", home.resolve("local").toString());
    return builder.start();
  }
}
