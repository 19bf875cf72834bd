package org.turboesm.device;

import com.fasterxml.jackson.annotation.JsonInclude;

/**
 * One line of the table. Rows of the same part and subject were measured on the same work, ours and
 * the peers'.
 *
 * @param part of the check
 * @param subject what was checked or timed
 * @param who did it: {@link #OURS}, alone or with the form of it, or a peer
 * @param microseconds of one run, the median; null where nothing was timed
 * @param rate in {@code rateUnit}; null where there is none
 * @param rateUnit GB/s or TFLOP/s are compared with what the device reaches, others are not
 * @param note for people
 * @param failed whether it did not do what it should
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ResultRow(
    String part,
    String subject,
    String who,
    Double microseconds,
    Double rate,
    String rateUnit,
    String note,
    boolean failed) {
  public static final String OURS = "turboesm";

  /** The part and the subjects that say what the device reaches. */
  public static final String DEVICE_PART = "device";

  public static final String COPY = "copy within the device";
  public static final String PRODUCT = "bf16 product of cuBLAS";

  public static final String GIGABYTES = "GB/s";
  public static final String TERAFLOPS = "TFLOP/s";

  /** Something that was timed. */
  public static ResultRow timed(
      String part, String subject, double microseconds, double rate, String rateUnit, String note) {
    return timed(part, subject, OURS, microseconds, rate, rateUnit, note);
  }

  /** Something that one of several was timed at. */
  public static ResultRow timed(
      String part,
      String subject,
      String who,
      double microseconds,
      double rate,
      String rateUnit,
      String note) {
    return new ResultRow(part, subject, who, microseconds, rate, rateUnit, note, false);
  }

  /** Something that was checked. */
  public static ResultRow checked(String part, String subject, boolean passed, String note) {
    return new ResultRow(part, subject, OURS, null, null, null, note, !passed);
  }
}
