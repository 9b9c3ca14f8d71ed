# One repository a service. Tags never move, so a digest and a tag mean the same image for ever.

resource "aws_ecr_repository" "service" {
  for_each = var.names.repositories

  name                 = each.value
  image_tag_mutability = "IMMUTABLE"

  image_scanning_configuration {
    scan_on_push = true
  }

  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = aws_kms_key.main.arn
  }

  tags = {
    "mlp.dev/resource" = "repository/${each.key}"
  }
}

resource "aws_ecr_lifecycle_policy" "service" {
  for_each = var.names.repositories

  repository = aws_ecr_repository.service[each.key].name

  policy = jsonencode({
    rules = [{
      rulePriority = 1
      description  = "Untagged images are leftovers of failed pushes"
      selection = {
        tagStatus   = "untagged"
        countType   = "sinceImagePushed"
        countUnit   = "days"
        countNumber = 14
      }
      action = { type = "expire" }
    }]
  })
}
