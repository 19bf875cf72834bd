package org.turboesm.job.commit;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonProperty;
import java.util.List;
import java.util.Map;
import org.turboesm.job.progress.Phase;

/**
 * What a run did: {@code manifest.json}. Fields without a value are left out.
 *
 * @param format {@link #FORMAT}
 * @param version {@link #VERSION}
 * @param calibration null where no mode needs one
 * @param tokensPerSecond tokens of all modes over the seconds of the embedding phase; null, as all
 *     that tells of embeddings, where nothing was embedded
 * @param cache what the KV caches of all proteins take, by mode
 * @param range how often live keys and values left the range that calibration saw, by mode
 * @param fidelity the means over the proteins that were measured, by mode
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Manifest(
    String format,
    int version,
    Versions versions,
    Map<String, Object> settings,
    Model model,
    Input input,
    Calibrated calibration,
    Counts counts,
    List<Phase> timings,
    Double tokensPerSecond,
    Map<String, Throughput> throughput,
    Map<String, CacheBytes> cache,
    Map<String, CalibratedRange> range,
    Map<String, FidelitySummary> fidelity,
    List<OutputFile> files) {

  /** What tells this manifest from other files of its name. */
  public static final String FORMAT = "turboesm-manifest";

  /** Raised whenever a reader of the version before would misread the file. */
  public static final int VERSION = 1;

  /** What ran. */
  public record Versions(String turboesm, String spark, String java, String master) {}

  /**
   * The model.
   *
   * @param name as given
   * @param hash of its weights
   */
  public record Model(String name, String hash, int layers, int hiddenSize, int heads) {}

  /**
   * The input.
   *
   * @param hash over all proteins that were accepted for embedding and the number of the others
   */
  public record Input(List<String> files, String hash) {}

  /**
   * The calibration.
   *
   * @param file in the output folder
   * @param proteins it was fitted on
   * @param tableBytes of tables and transforms, beside the caches
   */
  public record Calibrated(
      String file, String hash, String codec, int proteins, long tokens, long tableBytes) {}

  /**
   * Where every record ended: {@code recordsRead = embedded + rejected} for each mode.
   *
   * @param accepted records that were embedded
   * @param embedded rows in the embeddings, by mode
   * @param rejectedByCode rows in the rejects, by code
   */
  public record Counts(
      long recordsRead,
      long accepted,
      long rejected,
      Map<String, Long> embedded,
      Map<String, Long> rejectedByCode,
      long fidelityProteins) {}

  /**
   * The speed of one mode.
   *
   * @param tokens run
   * @param taskSeconds the tasks' time, added up over tasks that ran side by side
   */
  public record Throughput(long proteins, long tokens, double taskSeconds) {
    @JsonProperty("tokens_per_task_second")
    public double tokensPerTaskSecond() {
      return taskSeconds > 0 ? tokens / taskSeconds : 0;
    }
  }

  /** Bytes of all proteins' caches in one mode. */
  public record CacheBytes(long fp32, long fp16, long packed) {
    @JsonProperty("ratio_to_fp32")
    public double ratioToFp32() {
      return packed > 0 ? (double) fp32 / packed : 0;
    }
  }

  /**
   * How often the transformed keys and values of one mode left the range that calibration saw of
   * their channel; every eighth token is looked at.
   *
   * @param lookedAt keys and values, channel by channel
   * @param outside of these
   * @param expectedShare the share outside if tokens were like calibration's
   * @param worst the head of the largest share
   * @param alarm whether the share is far above what is expected
   */
  public record CalibratedRange(
      long lookedAt,
      long outside,
      double share,
      double expectedShare,
      WorstHead worst,
      boolean alarm) {}

  /**
   * The head of the largest share outside the calibrated range.
   *
   * @param layer from 0
   * @param head from 0
   */
  public record WorstHead(int layer, int head, double share) {}
}
