package org.turboesm.job.plan;

import java.util.List;
import java.util.Set;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * Some proteins of a dataset, on the driver.
 *
 * @param proteins rows of schema PROTEINS, of distinct sha256, in the order of choice
 */
public record ProteinSample(List<Row> proteins) {

  /** At most n proteins to calibrate on. */
  public static ProteinSample calibration(Dataset<Row> proteins, int n) {
    throw new UnsupportedOperationException("not written yet");
  }

  /** At most n proteins to measure fidelity on, none of them with an excluded sha256. */
  public static ProteinSample fidelity(Dataset<Row> proteins, int n, Set<String> excludedSha256) {
    throw new UnsupportedOperationException("not written yet");
  }

  public int size() {
    throw new UnsupportedOperationException("not written yet");
  }

  public List<String> sequences() {
    throw new UnsupportedOperationException("not written yet");
  }

  public Set<String> sha256s() {
    throw new UnsupportedOperationException("not written yet");
  }

  /** The proteins as a dataset of schema PROTEINS. */
  public Dataset<Row> dataset(SparkSession spark) {
    throw new UnsupportedOperationException("not written yet");
  }
}
