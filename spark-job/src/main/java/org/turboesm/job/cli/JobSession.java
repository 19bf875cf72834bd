package org.turboesm.job.cli;

import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Optional;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;
import org.turboesm.TurboEsmException;

/** The Spark session of a command: the one that is there, or one that ends with the command. */
final class JobSession implements AutoCloseable {
  private static final String MASTER = "spark.master";

  private final SparkSession spark;
  private final boolean ours;

  private JobSession(SparkSession spark, boolean ours) {
    this.spark = spark;
    this.ours = ours;
    // A file a mode is open at once in each task, so that rows need no sort by mode.
    spark.conf().set("spark.sql.maxConcurrentOutputFileWriters", "8");
    // Spark warns of plans that are longer; ours have many columns.
    spark.conf().set("spark.sql.debug.maxToStringFields", "1000");
  }

  /**
   * @param master used where spark-submit has given none; null for all cores of this machine
   */
  static JobSession open(String master) {
    if (SparkSession.getDefaultSession().isDefined()
        && !SparkSession.getDefaultSession().get().sparkContext().isStopped()) {
      return new JobSession(SparkSession.getDefaultSession().get().newSession(), false);
    }
    SparkConf conf = new SparkConf();
    conf.setIfMissing(MASTER, master == null ? "local[*]" : master);
    conf.setIfMissing("spark.app.name", "turboesm");
    if (conf.get(MASTER).startsWith("local")) {
      conf.setIfMissing("spark.ui.enabled", "false");
      // Spark's 200 are meant for a cluster, and take seconds each time.
      conf.setIfMissing(
          "spark.sql.shuffle.partitions",
          String.valueOf(8 * Runtime.getRuntime().availableProcessors()));
      // Progress of running tasks comes with heartbeats.
      conf.setIfMissing("spark.executor.heartbeatInterval", "2s");
    } else {
      jar().ifPresent(jar -> conf.setIfMissing("spark.jars", jar));
    }
    try {
      return new JobSession(SparkSession.builder().config(conf).getOrCreate(), true);
    } catch (RuntimeException e) {
      throw new TurboEsmException(
          "Spark cannot start with master " + conf.get(MASTER) + ": " + e.getMessage(), e);
    }
  }

  /** The jar that this class comes from, which executors elsewhere need. */
  private static Optional<String> jar() {
    try {
      Path source =
          Path.of(JobSession.class.getProtectionDomain().getCodeSource().getLocation().toURI());
      return source.toString().endsWith(".jar") ? Optional.of(source.toString()) : Optional.empty();
    } catch (URISyntaxException | RuntimeException e) {
      return Optional.empty();
    }
  }

  SparkSession spark() {
    return spark;
  }

  @Override
  public void close() {
    if (ours) {
      spark.stop();
    }
  }
}
