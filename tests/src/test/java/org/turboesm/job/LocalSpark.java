package org.turboesm.job;

import java.util.Set;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;

/**
 * Gives a test a parameter of type {@link SparkSession}: {@code @ExtendWith(LocalSpark.class)}.
 *
 * <p>Spark starts with the first one and stops with the JVM. Each parameter is a session of its
 * own, so that settings stay in the test that makes them; the Spark context is shared.
 */
public final class LocalSpark implements ParameterResolver {

  /** The session that all others share the context of. */
  public static SparkSession session() {
    return Started.SESSION;
  }

  /** The ids of what is cached, by whichever test. */
  static Set<Integer> cached() {
    return Set.copyOf(
        JavaSparkContext.fromSparkContext(session().sparkContext()).getPersistentRDDs().keySet());
  }

  @Override
  public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
    return parameter.getParameter().getType() == SparkSession.class;
  }

  @Override
  public SparkSession resolveParameter(ParameterContext parameter, ExtensionContext context) {
    return session().newSession();
  }

  private static final class Started {
    private static final SparkSession SESSION =
        SparkSession.builder()
            .appName("tests")
            .master("local[2]")
            .config("spark.ui.enabled", false)
            .config("spark.sql.shuffle.partitions", 4)
            .config("spark.sql.warehouse.dir", System.getProperty("java.io.tmpdir") + "/warehouse")
            .getOrCreate();
  }
}
