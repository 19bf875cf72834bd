package org.turboesm.job.source;

/** Shows a person the text that was rejected, but not all of it. */
final class RejectDetail {
  private static final int SHOWN = 60;

  private RejectDetail() {}

  static String beginning(String what, String text) {
    String stripped = text.strip();
    return stripped.length() <= SHOWN
        ? what + " is '" + stripped + "'"
        : what + " begins with '" + stripped.substring(0, SHOWN) + "'";
  }
}
