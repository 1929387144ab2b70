"""People: employments, what is dated about them, and the lines they report along."""
