package org.turboesm.job.source;

import java.io.FileNotFoundException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.security.AccessControlException;
import org.apache.spark.SparkThrowable;
import org.turboesm.TurboEsmException;

/** Finds, in what Spark throws when a task cannot read its file, which file that was and why. */
public final class ReadFailure {
  /** Where a cluster's driver has only the text of an executor's exception. */
  private static final Pattern FILE = Pattern.compile("error while reading file (\\S+)\\.\\s");

  private static final Pattern CAUSE = Pattern.compile("Caused by: [\\w.$]+: (.*)");

  private ReadFailure() {}

  /**
   * What to throw in place of a failure of a Spark action: a {@link TurboEsmException} that names
   * the file, if a file could not be read; else the failure itself, so that nothing is hidden.
   */
  public static RuntimeException explain(Throwable failure) {
    List<Throwable> chain = chain(failure);
    // From the innermost: the messages of the others may repeat it.
    for (int i = chain.size() - 1; i >= 0; i--) {
      String file = file(chain.get(i));
      if (file != null) {
        Throwable cause = chain.get(chain.size() - 1);
        String reason = i == chain.size() - 1 ? reasonInText(cause) : cause.getMessage();
        return new TurboEsmException(explain(SourcePath.decode(file), cause, reason), failure);
      }
    }
    return failure instanceof RuntimeException unchecked
        ? unchecked
        : new IllegalStateException(failure.getMessage(), failure);
  }

  private static String explain(String file, Throwable cause, String reason) {
    if (cause instanceof FileNotFoundException || cause instanceof NoSuchFileException) {
      return file
          + ": was there when the run began, and is gone. Put it back, leave the input alone while"
          + " the job runs, and run again.";
    }
    if (cause instanceof AccessControlException || cause instanceof AccessDeniedException) {
      return file + ": Spark's executors may not read it (" + reason + "). Give them permission.";
    }
    String format = FileExtensions.compression(file);
    return format == null
        ? file + ": cannot be read (" + reason + "). Check the disk or fetch the file again."
        : damaged(file, format, reason);
  }

  /** What to tell of a file that its decoder does not understand. */
  static String damaged(String file, String format, String reason) {
    String remedy = "fetch it again";
    if (!format.equals("Parquet")) {
      remedy += ", or test it with " + format + " -t";
    }
    return file + ": truncated or corrupt " + format + " (" + reason + "): " + remedy + ".";
  }

  private static List<Throwable> chain(Throwable failure) {
    List<Throwable> chain = new ArrayList<>();
    for (Throwable cause = failure;
        cause != null && !chain.contains(cause);
        cause = cause.getCause()) {
      chain.add(cause);
    }
    return chain;
  }

  /** Null if the failure is not one of reading a file. */
  private static String file(Throwable failure) {
    if (failure instanceof SparkThrowable spark
        && String.valueOf(spark.getCondition()).startsWith("FAILED_READ_FILE")) {
      return spark.getMessageParameters().get("path");
    }
    Matcher file = FILE.matcher(String.valueOf(failure.getMessage()));
    return file.find() ? file.group(1) : null;
  }

  private static String reasonInText(Throwable failure) {
    Matcher cause = CAUSE.matcher(String.valueOf(failure.getMessage()));
    String reason = "no reason given";
    while (cause.find()) {
      reason = cause.group(1).strip();
    }
    return reason;
  }
}
