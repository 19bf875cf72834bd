package org.turboesm.udf;

import java.util.HashMap;
import java.util.Map;
import java.util.WeakHashMap;
import org.apache.spark.SparkContext;
import org.apache.spark.api.java.JavaPairRDD;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.resource.ResourceProfile;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;
import org.turboesm.engine.EsmEngineProvider;
import org.turboesm.engine.EsmEngines;

/**
 * The stages that run the model. Where executors have GPUs and the engine may use one, their tasks
 * ask Spark for a share of a GPU; tasks of other stages ask for none. Else they are stages like any
 * other.
 */
public final class ModelStage {
  /** One profile a context and share: with dynamic allocation each has executors of its own. */
  private static final Map<SparkContext, Map<Integer, ResourceProfile>> PROFILES =
      new WeakHashMap<>();

  private final ResourceProfile profile;

  private ModelStage(ResourceProfile profile) {
    this.profile = profile;
  }

  /**
   * The stages of a model in this context.
   *
   * @throws org.turboesm.TurboEsmException if Spark's configuration gives tasks no GPU though
   *     executors have some
   */
  public static ModelStage of(SparkContext spark, EngineSpec engine) {
    return new ModelStage(spark.isLocal() || !usesGpu(engine) ? null : profile(spark, engine));
  }

  private static ResourceProfile profile(SparkContext spark, EngineSpec engine) {
    synchronized (PROFILES) {
      return PROFILES
          .computeIfAbsent(spark, context -> new HashMap<>())
          .computeIfAbsent(
              engine.tasksPerGpu(), tasks -> new GpuConf(spark.getConf()).profile(tasks));
    }
  }

  /** What {@code auto} takes is known on the executors alone. */
  private static boolean usesGpu(EngineSpec engine) {
    return engine.engine().equals(EsmEngines.AUTO)
        || EsmEngines.providers().stream()
            .filter(provider -> provider.name().equals(engine.engine()))
            .anyMatch(EsmEngineProvider::usesDevice);
  }

  /** Makes the stage that computes this one of the model's. */
  public <K, V> JavaPairRDD<K, V> place(JavaPairRDD<K, V> pairs) {
    if (profile != null) {
      // It marks the RDD itself; the Java view of pairs has no such method.
      pairs.rdd().withResources(profile);
    }
    return pairs;
  }

  /**
   * Applies a function that runs the model.
   *
   * @return of this schema; computed when it is used. Where its tasks ask for GPUs, the stages
   *     before it may run now.
   */
  public Dataset<Row> mapPartitions(
      Dataset<Row> rows, MapPartitionsFunction<Row, Row> function, StructType schema) {
    if (profile == null) {
      return rows.mapPartitions(function, Encoders.row(schema));
    }
    JavaRDD<Row> mapped = rows.javaRDD().mapPartitions(function::call).withResources(profile);
    return rows.sparkSession().createDataFrame(mapped, schema);
  }
}
