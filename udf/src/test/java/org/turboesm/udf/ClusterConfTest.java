package org.turboesm.udf;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import org.apache.spark.SparkConf;
import org.apache.spark.internal.config.ConfigEntry;
import org.apache.spark.resource.ResourceProfile;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The example configurations of clusters with GPUs. */
class ClusterConfTest {
  private static final Path CONF = Path.of("..", "conf");

  /** Keys of Spark's that are a pattern, or whose module is not on this class path. */
  private static final String PATTERNS =
      "spark\\.(master|(turboesm\\.)?executor\\.resource\\.gpu\\.(amount|discoveryScript|vendor)"
          + "|executorEnv\\.[A-Z_]+"
          + "|kubernetes\\.(container\\.image|namespace))";

  private static SparkConf conf(String settings) throws IOException {
    Properties properties = new Properties();
    properties.load(new StringReader(settings));
    SparkConf conf = new SparkConf(false);
    properties.stringPropertyNames().forEach(key -> conf.set(key, properties.getProperty(key)));
    return conf;
  }

  private static void assertKnown(SparkConf conf) {
    // Spark registers its keys when this object is made.
    assertThat(org.apache.spark.internal.config.package$.MODULE$).isNotNull();
    for (scala.Tuple2<String, String> setting : conf.getAll()) {
      assertThat(setting._1().matches(PATTERNS) || ConfigEntry.findEntry(setting._1()) != null)
          .as(setting._1())
          .isTrue();
      assertThat(setting._2()).as(setting._1()).isNotBlank();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"standalone-gpu.conf", "yarn-gpu.conf", "kubernetes-gpu.conf"})
  void givesTasksOfTheModelAShareOfTheExecutorsGpu(String file) throws IOException {
    SparkConf conf = conf(Files.readString(CONF.resolve(file)));
    assertKnown(conf);

    ResourceProfile profile = new GpuConf(conf).profile(2);
    assertThat(profile.executorResourcesJMap()).isEmpty();
    assertThat(profile.taskResourcesJMap().get("gpu").amount()).isEqualTo(0.5);
  }

  @ParameterizedTest
  @ValueSource(strings = {"standalone-gpu.conf", "yarn-gpu.conf", "kubernetes-gpu.conf"})
  void alternativeAddsExecutorsForTheModelAlone(String file) throws IOException {
    String settings = Files.readString(CONF.resolve(file)).replace("\n#spark.", "\nspark.");
    SparkConf conf = conf(settings.replaceAll("\nspark\\.executor\\.resource\\.[^\n]*", ""));
    assertKnown(conf);

    ResourceProfile profile = new GpuConf(conf).profile(2);
    assertThat(profile.executorResourcesJMap().get("gpu").amount()).isEqualTo(1);
    assertThat(profile.executorResourcesJMap().get("cores").amount()).isEqualTo(8);
  }
}
